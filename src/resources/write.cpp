#include "resources/write.h"

#include "api/patch.h"
#include "resources/audit.h"

namespace hf::resources {
namespace {

using api::Object;

// A write that lost this often against others is given up; the caller hears ABORTED.
constexpr int kMaxTries = 8;

constexpr std::size_t kUniqueBytes = 8;  // of an audit entry's key

Status check_namespace(const api::Kind& kind, const Object& object) {
    if (!kind.namespaced || object.ns().empty() || api::is_namespace(object.ns())) return {};
    return not_found("namespaces \"{}\" not found: there are \"{}\"", object.ns(),
                     fmt::join(api::all_namespaces(), "\", \""));
}

void set_version(Object& object, store::Revision revision) {
    object.edit_metadata()["resourceVersion"] = std::to_string(revision.value());
}

}  // namespace

Result<store::Revision> Resources::commit(const Write& write) {
    const std::string key = store_key(write.key);
    store::Transaction transaction;
    transaction.compares.push_back({key, write.compared});
    if (write.now) {
        transaction.puts.push_back({key, encode(*write.now), {}});
    } else {
        transaction.removes.push_back(key);
    }
    const AuditRecord record{write.who,    write.verb,     write.key.kind->plural,
                             write.key.ns, write.key.name, write.uid};
    transaction.puts.push_back(audit_entry(record, clock_.now(), random_hex(kUniqueBytes)));
    return store_.commit(transaction);
}

Status Resources::record_audit(const AuditRecord& record) {
    store::Transaction transaction;
    transaction.puts.push_back(audit_entry(record, clock_.now(), random_hex(kUniqueBytes)));
    return store_.commit(transaction).status();
}

Status Resources::check_grant(const Object& object, const WriteOptions& options) {
    if (object.kind() != "Role" && object.kind() != "RoleBinding") return {};
    const api::AccessRules rules = HF_TRY(access_rules());
    return rules.check_grant(options.who, object);
}

Result<Object> Resources::create(Object object, const WriteOptions& options) {
    const api::Kind& kind = *HF_TRY(kind_of(object));
    Report unread;
    Report& report = options.report ? *options.report : unread;
    constexpr std::size_t kNameSuffixBytes = 3;
    HF_TRY(admit_new({kind, options.field_validation, report}, object,
                     {make_uid(), random_hex(kNameSuffixBytes), clock_.now()}));
    HF_TRY(check_namespace(kind, object));
    HF_TRY(check_grant(object, options));
    if (admit_) HF_TRY(admit_(nullptr, object, options.who));
    const ObjectKey key = key_of(kind, object);
    const auto exists = [&] {
        return already_exists("{} \"{}\" already exists", kind.qualified(), key.name);
    };
    if (options.dry_run) {
        if (store_.get(store_key(key)).ok()) return exists();
        return object;
    }
    const Result<store::Revision> revision =
        commit({options.who, "create", key, store::Revision(0), &object, object.uid()});
    if (revision.status().code() == Code::kAborted) return exists();
    HF_TRY(revision.status());
    set_version(object, *revision);
    return object;
}

Result<Object> Resources::update(Object object, const WriteOptions& options) {
    const api::Kind& kind = *HF_TRY(kind_of(object));
    if (object.resource_version().empty()) {
        const api::Cause cause{"FieldValueRequired", "metadata.resourceVersion",
                               "Required value: must be specified for an update: read the object "
                               "first"};
        if (options.report) options.report->causes = {cause};
        return api::invalid(kind, object.name(), {cause});
    }
    return write_part(Part::kAll, std::move(object), options);
}

Result<Object> Resources::update_status(Object object, const WriteOptions& options) {
    return write_part(Part::kStatus, std::move(object), options);
}

Result<Object> Resources::write_part(Part part, Object object, const WriteOptions& options) {
    const api::Kind& kind = *HF_TRY(kind_of(object));
    Report unread;
    const Admission admission{kind, options.field_validation,
                              options.report ? *options.report : unread};
    const Object before = HF_TRY(get(key_of(kind, object)));
    const std::string_view wanted = object.resource_version();
    if (!wanted.empty() && wanted != before.resource_version())
        return conflict(kind, object.name());
    if (!object.uid().empty() && object.uid() != before.uid())
        return conflict(kind, object.name()).context("the uid is another object's");
    HF_TRY(part == Part::kAll ? admit_change(admission, before, object)
                              : admit_status(admission, before, object));
    set_version(object, HF_TRY(parse_resource_version(before.resource_version())));
    return store_change(before, std::move(object), options);
}

Result<Object> Resources::store_change(const Object& before, Object now,
                                       const WriteOptions& options) {
    const api::Kind& kind = *HF_TRY(kind_of(now));
    if (before == now) return now;
    HF_TRY(check_grant(now, options));
    if (admit_) HF_TRY(admit_(&before, now, options.who));
    if (options.dry_run) return now;
    const bool ends = now.being_removed() && now.finalizers().empty();
    const store::Revision compared = HF_TRY(parse_resource_version(before.resource_version()));
    const Result<store::Revision> revision =
        commit({options.who, ends ? "delete" : "update", key_of(kind, now), compared,
                ends ? nullptr : &now, before.uid()});
    if (revision.status().code() == Code::kAborted) return conflict(kind, now.name());
    HF_TRY(revision.status());
    if (ends) removed_ = true;
    set_version(now, *revision);
    return now;
}

Result<Object> Resources::modify_part(Part part, const ObjectKey& key, const WriteOptions& options,
                                      const Change& change) {
    Status last;
    for (int attempt = 0; attempt < kMaxTries; ++attempt) {
        Object object = HF_TRY(get(key));
        const std::string version(object.resource_version());
        HF_TRY(change(object));
        const bool pinned = object.resource_version() != version;
        if (object.resource_version().empty())
            set_version(object, HF_TRY(parse_resource_version(version)));
        Result<Object> written = write_part(part, std::move(object), options);
        if (written.status().code() != Code::kAborted || pinned) return written;
        last = written.status();
    }
    return last;
}

Result<Object> Resources::modify(const ObjectKey& key, const WriteOptions& options, Change change) {
    return modify_part(Part::kAll, key, options, change);
}

Result<Object> Resources::modify_status(const ObjectKey& key, const WriteOptions& options,
                                        Change change) {
    return modify_part(Part::kStatus, key, options, change);
}

Result<Object> Resources::patch(const ObjectKey& key, const Patch& patch,
                                const WriteOptions& options) {
    const auto apply = [&](Object& object) -> Status {
        json::Value value = object.json();
        if (patch.type == Patch::Type::kMerge) {
            if (!patch.value.is_object())
                return invalid_argument("a merge patch is an object of what changes");
            api::merge_patch(value, patch.value);
        } else {
            HF_TRY(api::json_patch(value, patch.value));
        }
        Object patched = HF_TRY(Object::from_json(std::move(value)));
        const bool same_kind =
            patched.kind() == object.kind() && patched.api_version() == object.api_version();
        if (!same_kind) return invalid_argument("a patch cannot change apiVersion or kind");
        const bool same_place = patched.name() == object.name() && patched.ns() == object.ns();
        if (!same_place) return invalid_argument("a patch cannot change the name or namespace");
        object = std::move(patched);
        return {};
    };
    return modify_part(patch.status ? Part::kStatus : Part::kAll, key, options, apply);
}

}  // namespace hf::resources
