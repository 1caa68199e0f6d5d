#include "serve/rate_limits.h"

#include <algorithm>

#include <fmt/format.h>

#include "serve/metrics.h"

namespace hf::serve {

Admission admit(const Rate& rate, const Bucket& bucket, Duration now) {
    const double passed = std::chrono::duration<double>(now - bucket.at).count();
    const double held =
        std::min(rate.burst, bucket.requests + std::max(0.0, passed) * rate.per_second);
    if (held >= 1) return {{held - 1, now}, std::nullopt};
    const std::chrono::duration<double> wait((1 - held) / rate.per_second);
    return {{held, now}, std::chrono::ceil<Duration>(wait)};
}

std::optional<Duration> RateLimits::take(std::string_view caller, const Rate& rate) {
    const MutexLock lock(mutex_);
    const Duration now = clock_.monotonic();
    auto found = callers_.find(caller);
    if (found == callers_.end()) {
        found = callers_.emplace(std::string(caller), One{{rate.burst, now}, 0}).first;
    }
    One& one = found->second;
    const Admission admission = admit(rate, one.bucket, now);
    one.bucket = admission.after;
    one.turned_away += admission.wait.has_value();
    return admission.wait;
}

std::string RateLimits::metrics() const {
    std::string text =
        "# HELP holdfast_rate_limited_requests_total Requests beyond a caller's rate, answered "
        "429.\n"
        "# TYPE holdfast_rate_limited_requests_total counter\n";
    const MutexLock lock(mutex_);
    for (const auto& [caller, one] : callers_) {
        text += fmt::format("holdfast_rate_limited_requests_total{{caller=\"{}\"}} {}\n",
                            metric_label(caller), one.turned_away);
    }
    return text;
}

}  // namespace hf::serve
