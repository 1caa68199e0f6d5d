#include "control/server/refusal_audit.h"

#include <algorithm>

#include "control/server/reasons.h"
#include "resources/audit.h"

namespace hf::control {

bool RefusalPace::is_news(std::string_view caller, std::string_view reason, Instant now) {
    const MutexLock lock(mutex_);
    const std::string what = fmt::format("{} {}", reason, caller);
    const auto known = last_.find(what);
    if (known != last_.end() && now < known->second + kRefusalAuditPause) return false;
    if (known == last_.end() && last_.size() >= kMaxRefusalsRemembered) {
        std::erase_if(last_,
                      [&](const auto& entry) { return now >= entry.second + kRefusalAuditPause; });
        if (last_.size() >= kMaxRefusalsRemembered) return false;
    }
    last_[what] = now;
    return true;
}

void RefusalAudit::note(const api::Identity& who, const api::AccessRequest& asked,
                        const Status& refusal) {
    if (refusal.code() != Code::kPermissionDenied) return;
    std::string_view reason = reasons::of(refusal);
    if (!reasons::is_reason(reason)) reason = reasons::kForbidden;
    if (!pace_.is_news(who.user, reason, resources_.clock().now())) return;
    const std::string verb = fmt::format("refuse/{}", reason);
    const auto cut = [](std::string_view text) { return text.substr(0, kMaxAuditedName); };
    resources::AuditRecord record{who,
                                  verb,
                                  cut(asked.path.empty() ? asked.resource : asked.path),
                                  cut(asked.ns),
                                  cut(asked.name),
                                  ""};
    record.asked = asked.verb;
    const Status ignored = resources_.record_audit(record);
    static_cast<void>(ignored);
}

}  // namespace hf::control
