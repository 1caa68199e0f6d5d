#include "serve/log_settings.h"

namespace hf::serve {
namespace {

constexpr std::string_view kFile = "log_file";
constexpr std::string_view kInfo = "log_info";
constexpr std::string_view kWarning = "log_warning";
constexpr std::string_view kError = "log_error";
constexpr std::string_view kVerbose = "log_verbose_level";
constexpr std::string_view kFormat = "log_format";
constexpr std::string_view kJson = "JSON";

bool* level_of(LogSettings& settings, std::string_view key) {
    if (key == kInfo) return &settings.info;
    if (key == kWarning) return &settings.warning;
    if (key == kError) return &settings.error;
    return nullptr;
}

// Of what is as it is.
Status check_fixed(std::string_view key, const LogValue& value, const std::string& file) {
    if (key == kFile) {
        const std::string* const text = std::get_if<std::string>(&value);
        if (text && *text == file) return {};
        return invalid_argument(
            "/{}: is said when the server is started (--access-log FILE); rename the file to have "
            "it begun anew",
            key);
    }
    if (key == kVerbose) {
        const std::int64_t* const level = std::get_if<std::int64_t>(&value);
        if (level && *level == 0) return {};
        return invalid_argument(
            "/{}: is 0, and nothing else; where a request's time goes is in its spans (--traces)",
            key);
    }
    if (key == kFormat) {
        const std::string* const text = std::get_if<std::string>(&value);
        if (text && *text == kJson) return {};
        return invalid_argument("/{}: is {}, and nothing else: an object a line", key, kJson);
    }
    return invalid_argument("/{}: is no setting; these are: {}, {}, {}", key, kInfo, kWarning,
                            kError);
}

bool is_fixed(std::string_view key) {
    return key == kFile || key == kVerbose || key == kFormat;
}

}  // namespace

std::vector<std::pair<std::string, LogValue>> describe_log(const LogSettings& settings,
                                                           const std::string& file) {
    return {{std::string(kFile), file},
            {std::string(kInfo), settings.info},
            {std::string(kWarning), settings.warning},
            {std::string(kError), settings.error},
            {std::string(kVerbose), std::int64_t{0}},
            {std::string(kFormat), std::string(kJson)}};
}

Result<LogSettings> change_log(LogSettings now, const std::string& file, const LogChange& change) {
    for (const auto& [key, value] : change) {
        const bool reset = std::holds_alternative<std::monostate>(value);
        bool* const level = level_of(now, key);
        if (!level) {
            if (!reset || !is_fixed(key)) HF_TRY(check_fixed(key, value, file));
            continue;
        }
        const bool* const wanted = std::get_if<bool>(&value);
        if (!wanted && !reset) return invalid_argument("/{}: must be true or false", key);
        *level = reset || *wanted;
    }
    return now;
}

}  // namespace hf::serve
