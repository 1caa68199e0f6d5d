#include "resources/audit.h"

#include "base/json.h"

namespace hf::resources {

store::Put audit_entry(const AuditRecord& record, Instant now, std::string_view unique) {
    json::Array groups;
    for (const std::string& group : record.who.groups) groups.emplace_back(group);
    json::Object entry{{"time", format_rfc3339_micros(now)},
                       {"user", record.who.user},
                       {"groups", std::move(groups)},
                       {"verb", record.verb},
                       {"resource", record.resource},
                       {"namespace", record.ns},
                       {"name", record.name},
                       {"uid", record.uid}};
    if (!record.asked.empty()) entry["asked"] = record.asked;
    return {fmt::format("{}{:020}-{}", kAuditPrefix, now.time_since_epoch().count(), unique),
            json::write(entry),
            {}};
}

}  // namespace hf::resources
