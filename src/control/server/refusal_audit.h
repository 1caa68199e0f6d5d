// RefusalAudit: an audit entry for every caller who is known and was refused, at most one in
// kRefusalAuditPause for each caller and reason, so that nobody can wash the audit away by being
// refused all the time. Callers who are not known leave none: anyone can be one of those.
//
// The entry's verb is "refuse/REASON": REASON is the word of reasons.h that the refusal begins
// with, or "forbidden" where Roles say no. Its field `asked` is the verb that was refused.
//
// Thread-safety: all methods from any thread. Best effort: what is refused stays refused when the
// store cannot be written.

#pragma once

#include <map>
#include <string>
#include <string_view>

#include "api/access.h"
#include "base/mutex.h"
#include "base/status.h"
#include "base/time.h"
#include "resources/resources.h"

namespace hf::control {

inline constexpr Duration kRefusalAuditPause = std::chrono::minutes(1);
inline constexpr std::size_t kMaxRefusalsRemembered = 4096;
inline constexpr std::size_t kMaxAuditedName = 253;  // longer ones are cut

// Says which refusals are news: the first of its caller and reason, and one in each pause after
// it. When kMaxRefusalsRemembered are remembered, further ones are none.
class RefusalPace final {
public:
    bool is_news(std::string_view caller, std::string_view reason, Instant now);

private:
    Mutex mutex_;
    std::map<std::string, Instant, std::less<>> last_ HF_GUARDED_BY(mutex_);
};

class RefusalAudit final {
public:
    // REQUIRES: `resources` outlives this.
    explicit RefusalAudit(resources::Resources& resources) : resources_(resources) {}

    // Does nothing unless `refusal` is PERMISSION_DENIED.
    void note(const api::Identity& who, const api::AccessRequest& asked, const Status& refusal);

private:
    resources::Resources& resources_;
    RefusalPace pace_;
};

}  // namespace hf::control
