// Audit entries: who did what to which object, stored in the same transaction as the write itself;
// and who was refused what.
// Pure functions.

#pragma once

#include <string>
#include <string_view>

#include "api/access.h"
#include "base/time.h"
#include "resources/keys.h"

namespace hf::resources {

struct AuditRecord {
    const api::Identity& who;
    std::string_view verb;      // "create", "update", "delete"; "refuse/REASON"
    std::string_view resource;  // "services", "serviceaccounts/token"
    std::string_view ns;
    std::string_view name;
    std::string_view uid;
    std::string_view asked = {};  // of a refusal: the verb that was asked for
};

// `unique`: text that no other entry of the same nanosecond has.
store::Put audit_entry(const AuditRecord& record, Instant now, std::string_view unique);

}  // namespace hf::resources
