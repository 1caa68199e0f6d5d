// The calls of the trace extension, in whatever protocol they come. UNIMPLEMENTED where the server
// records no traces, with the remedy; NOT_FOUND for a model that is not here; else as
// change_trace() says.
//
// Thread-safety: from any thread.

#pragma once

#include <string_view>

#include "serve/inference.h"
#include "serve/trace_settings.h"

namespace hf::serve {

// Whether the server records traces, and so has the extension.
bool has_tracing(const Services& services);

// The server's settings; with a model, those that hold for it.
Result<TraceSettings> trace_settings(const Services& services, std::string_view model);

// The settings after the change; as RequestObserver::change_tracing().
Result<TraceSettings> change_trace_settings(const Services& services, std::string_view model,
                                            const TraceChange& change);

}  // namespace hf::serve
