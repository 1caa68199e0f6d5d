#include "control/scale/spec.h"

#include <algorithm>

#include "api/kinds.h"

namespace hf::control::scale {

std::optional<ScaleSpec> scale_spec_of(const api::Object& service) {
    const json::Value* scale = json::find(service.spec(), "scale");
    if (!scale || !scale->is_object()) return std::nullopt;
    const auto number = [&](std::string_view key, std::int64_t fallback) {
        return json::get_int(*scale, key, fallback);
    };
    ScaleSpec spec;
    spec.min = std::max<std::int64_t>(1, number("min", 1));
    spec.max = std::max(spec.min, number("max", 1));
    spec.concurrency = std::max<std::int64_t>(1, number("targetConcurrency", kTargetConcurrency));
    spec.queue = std::chrono::milliseconds(number("targetQueueMilliseconds", 0));
    spec.down_after = std::chrono::seconds(number("downAfterSeconds", kDownAfterSeconds));
    return spec;
}

Status admit_scale(const api::Object& now) {
    if (now.kind() != api::service_kind().name) return {};
    const json::Value* scale = json::find(now.spec(), "scale");
    if (!scale) return {};
    if (json::find(now.spec(), "replicas")) {
        return invalid_argument(
            "spec.scale: spec.replicas is there, too; leave one of them out: replicas is a number "
            "that stays, scale a range in which it follows the load");
    }
    const std::int64_t min = json::get_int(*scale, "min", 1);
    const std::int64_t max = json::get_int(*scale, "max", 1);
    if (min <= max) return {};
    return invalid_argument("spec.scale.min: {} is more than spec.scale.max, which is {}", min,
                            max);
}

}  // namespace hf::control::scale
