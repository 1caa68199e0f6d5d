// The calls of the logging extension, in whatever protocol they come. UNIMPLEMENTED where the
// server has no access log, with the remedy; else as change_log() says.
//
// Thread-safety: from any thread.

#pragma once

#include "serve/inference.h"
#include "serve/log_settings.h"

namespace hf::serve {

// Whether the server has an access log, and so the extension.
bool has_logging(const Services& services);

using LogDescription = std::vector<std::pair<std::string, LogValue>>;

// As describe_log().
Result<LogDescription> log_settings(const Services& services);

// The settings after the change, all or none of which is made.
Result<LogDescription> change_log_settings(const Services& services, const LogChange& change);

}  // namespace hf::serve
