#include "serve/trace_settings.h"

#include <cmath>
#include <limits>

#include "base/text.h"

namespace hf::serve {
namespace {

constexpr std::string_view kLevel = "trace_level";
constexpr std::string_view kRate = "trace_rate";
constexpr std::string_view kCount = "trace_count";
constexpr std::string_view kMode = "trace_mode";
constexpr std::string_view kOpenTelemetry = "opentelemetry";

Result<std::int64_t> read_number(std::string_view key, const TraceValues& values,
                                 std::int64_t least) {
    const Result<std::int64_t> number =
        values.size() == 1 ? parse_int(values.front()) : Result<std::int64_t>(invalid_argument(""));
    constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
    if (number.ok() && *number >= least && *number <= kMost) return number;
    return invalid_argument("/{}: must be one whole number from {} to {}, as a string", key, least,
                            kMost);
}

Result<bool> read_level(const TraceValues& values) {
    bool off = false;
    for (const std::string& value : values) {
        if (value == "OFF") off = true;
        if (value == "OFF" || value == "TIMESTAMPS") continue;
        return invalid_argument("/{}: '{}' is not offered; these are: TIMESTAMPS, OFF", kLevel,
                                value);
    }
    if (off && values.size() > 1) {
        return invalid_argument("/{}: OFF stands alone", kLevel);
    }
    return !off;
}

Status set(TraceSettings& settings, std::string_view key, const TraceValues& values) {
    if (key == kLevel) {
        settings.on = HF_TRY(read_level(values));
    } else if (key == kRate) {
        const std::int64_t rate = HF_TRY(read_number(key, values, 0));
        settings.ratio = rate == 0 ? 0 : 1.0 / static_cast<double>(rate);
    } else if (key == kCount) {
        settings.left = HF_TRY(read_number(key, values, -1));
    } else if (key == kMode) {
        if (values == TraceValues{std::string(kOpenTelemetry)}) return {};
        return invalid_argument("/{}: is {}, and nothing else", key, kOpenTelemetry);
    } else if (key == "trace_file" || key == "log_frequency") {
        return invalid_argument(
            "/{}: no file is written; spans go to the collector that the server was started with "
            "(--traces)",
            key);
    } else {
        return invalid_argument("/{}: is no setting; these are: {}, {}, {}", key, kLevel, kRate,
                                kCount);
    }
    return {};
}

// To what it falls back to. False for what is no setting.
bool reset(TraceSettings& settings, std::string_view key, const TraceSettings& fallback) {
    if (key == kLevel) {
        settings.on = fallback.on;
    } else if (key == kRate) {
        settings.ratio = fallback.ratio;
    } else if (key == kCount) {
        settings.left = fallback.left;
    } else if (key != kMode) {
        return false;
    }
    return true;
}

}  // namespace

std::vector<std::pair<std::string, TraceValues>> describe_trace(const TraceSettings& settings) {
    const auto rate =
        settings.ratio > 0 ? static_cast<std::int64_t>(std::llround(1 / settings.ratio)) : 0;
    return {{std::string(kLevel), {settings.on ? "TIMESTAMPS" : "OFF"}},
            {std::string(kRate), {fmt::format("{}", rate)}},
            {std::string(kCount), {fmt::format("{}", settings.left)}},
            {std::string(kMode), {std::string(kOpenTelemetry)}}};
}

Result<TraceSettings> change_trace(TraceSettings now, const TraceSettings& fallback,
                                   const TraceChange& change) {
    for (const auto& [key, values] : change) {
        if (values.empty() && reset(now, key, fallback)) continue;
        HF_TRY(set(now, key, values));
    }
    return now;
}

}  // namespace hf::serve
