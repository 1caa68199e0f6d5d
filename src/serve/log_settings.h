// LogSettings: which requests the access log tells of, as the logging extension of the Open
// Inference Protocol tells and sets it (triton-inference-server/server: docs/protocol/
// extension_logging.md). Where the lines go, and what they look like, is said when the server is
// started (seen/access_log.h).
//
// Values and pure functions.

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/status.h"

namespace hf::serve {

// What became of a request, as the extension's levels have it.
enum class LogLevel : unsigned char {
    kInfo,     // it was answered
    kWarning,  // it was refused, by the caller's fault
    kError,    // it failed, by the server's
};

struct LogSettings {
    bool info = true;
    bool warning = true;
    bool error = true;

    bool tells_of(LogLevel level) const {
        return level == LogLevel::kInfo ? info : level == LogLevel::kWarning ? warning : error;
    }
    friend bool operator==(const LogSettings&, const LogSettings&) = default;
};

// No value: back to what it was at the start.
using LogValue = std::variant<std::monostate, bool, std::int64_t, std::string>;

// The settings as the extension names them, in order:
//
//     log_file           `file`; empty: standard output
//     log_info, log_warning, log_error
//     log_verbose_level  0
//     log_format         "JSON"
std::vector<std::pair<std::string, LogValue>> describe_log(const LogSettings& settings,
                                                           const std::string& file);

using LogChange = std::map<std::string, LogValue>;

// A setting that cannot be changed may be said as it is. INVALID_ARGUMENT begins with the setting's
// name as a JSON pointer.
Result<LogSettings> change_log(LogSettings now, const std::string& file, const LogChange& change);

}  // namespace hf::serve
