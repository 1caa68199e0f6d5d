#include "resources/write.h"

#include "api/patch.h"
#include "resources/audit.h"

namespace hf::resources {
namespace {

using api::Object;

// A write that lost this often against others is given up; the caller hears ABORTED.
constexpr int kMaxTries = 8;

// Edits prepared and committed together.
constexpr std::size_t kMaxTogether = 256;

constexpr std::size_t kUniqueBytes = 8;  // of an audit entry's key

Status check_namespace(const api::Kind& kind, const Object& object) {
    if (!kind.namespaced || object.ns().empty() || api::is_namespace(object.ns())) return {};
    return not_found("namespaces \"{}\" not found: there are \"{}\"", object.ns(),
                     fmt::join(api::all_namespaces(), "\", \""));
}

Status already_there(const api::Kind& kind, std::string_view name) {
    return already_exists("{} \"{}\" already exists", kind.qualified(), name);
}

void set_version(Object& object, store::Revision revision) {
    object.edit_metadata()["resourceVersion"] = std::to_string(revision.value());
}

}  // namespace

store::Transaction Resources::transaction_of(const Write& write) {
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
    return transaction;
}

Result<store::Revision> Resources::commit(const Write& write) {
    return store_.commit(transaction_of(write));
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

Result<Resources::Prepared> Resources::prepare_new(Object object, const WriteOptions& options) {
    const api::Kind& kind = *HF_TRY(kind_of(object));
    Report unread;
    Report& report = options.report ? *options.report : unread;
    constexpr std::size_t kNameSuffixBytes = 3;
    HF_TRY(admit_new({kind, options.field_validation, report}, object,
                     {make_uid(), random_hex(kNameSuffixBytes), clock_.now()}));
    HF_TRY(check_namespace(kind, object));
    HF_TRY(check_grant(object, options));
    if (admit_) HF_TRY(admit_(nullptr, object, options.who));
    Prepared prepared{kind, std::move(object), std::nullopt};
    const ObjectKey key = key_of(kind, prepared.now);
    if (options.dry_run) {
        if (store_.get(store_key(key)).ok()) return already_there(kind, key.name);
        return prepared;
    }
    prepared.transaction = transaction_of(
        {options.who, "create", key, store::Revision(0), &prepared.now, prepared.now.uid()});
    return prepared;
}

Result<Object> Resources::create(Object object, const WriteOptions& options) {
    Prepared prepared = HF_TRY(prepare_new(std::move(object), options));
    const api::Kind& kind = prepared.kind;
    const std::string name(prepared.now.name());
    Result<Object> created = carry_out(std::move(prepared));
    if (created.status().code() == Code::kAborted) return already_there(kind, name);
    return created;
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
    const Object before = HF_TRY(get(key_of(kind, object)));
    return carry_out(HF_TRY(prepare_part(part, before, std::move(object), options)));
}

Result<Resources::Prepared> Resources::prepare_part(Part part, const Object& before, Object object,
                                                    const WriteOptions& options) {
    const api::Kind& kind = *HF_TRY(kind_of(object));
    Report unread;
    const Admission admission{kind, options.field_validation,
                              options.report ? *options.report : unread};
    const std::string_view wanted = object.resource_version();
    if (!wanted.empty() && wanted != before.resource_version())
        return conflict(kind, object.name());
    if (!object.uid().empty() && object.uid() != before.uid())
        return conflict(kind, object.name()).context("the uid is another object's");
    HF_TRY(part == Part::kAll ? admit_change(admission, before, object)
                              : admit_status(admission, before, object));
    set_version(object, HF_TRY(parse_resource_version(before.resource_version())));
    return prepare_change(before, std::move(object), options);
}

Result<Resources::Prepared> Resources::prepare_change(const Object& before, Object now,
                                                      const WriteOptions& options) {
    Prepared prepared{*HF_TRY(kind_of(now)), std::move(now), std::nullopt};
    Object& object = prepared.now;
    if (before == object) return prepared;
    HF_TRY(check_grant(object, options));
    if (admit_) HF_TRY(admit_(&before, object, options.who));
    if (options.dry_run) return prepared;
    prepared.ends = object.being_removed() && object.finalizers().empty();
    const store::Revision compared = HF_TRY(parse_resource_version(before.resource_version()));
    prepared.transaction = transaction_of({options.who, prepared.ends ? "delete" : "update",
                                           key_of(prepared.kind, object), compared,
                                           prepared.ends ? nullptr : &object, before.uid()});
    return prepared;
}

Result<Object> Resources::finish(Prepared prepared, const Result<store::Revision>& revision) {
    if (revision.status().code() == Code::kAborted)
        return conflict(prepared.kind, prepared.now.name());
    HF_TRY(revision.status());
    if (prepared.ends) removed_ = true;
    set_version(prepared.now, *revision);
    return std::move(prepared.now);
}

Result<Object> Resources::carry_out(Prepared prepared) {
    if (!prepared.transaction) return std::move(prepared.now);
    const Result<store::Revision> revision = store_.commit(*prepared.transaction);
    return finish(std::move(prepared), revision);
}

Result<Object> Resources::store_change(const Object& before, Object now,
                                       const WriteOptions& options) {
    return carry_out(HF_TRY(prepare_change(before, std::move(now), options)));
}

// `pinned`: the edit itself names the version that it is for.
Result<Resources::Prepared> Resources::prepare_edit(const Edit& edit, const WriteOptions& options,
                                                    bool& pinned) {
    const Object before = HF_TRY(get(edit.key));
    Object object = before;
    pinned = true;  // an error of the change ends it
    HF_TRY(edit.change(object));
    pinned = object.resource_version() != before.resource_version();
    return prepare_part(edit.status ? Part::kStatus : Part::kAll, before, std::move(object),
                        options);
}

Result<Object> Resources::modify_one(const Edit& edit, const WriteOptions& options) {
    Status last;
    for (int attempt = 0; attempt < kMaxTries; ++attempt) {
        bool pinned = false;
        Result<Prepared> prepared = prepare_edit(edit, options, pinned);
        Result<Object> written =
            prepared.ok() ? carry_out(std::move(*prepared)) : Result<Object>(prepared.status());
        if (written.status().code() != Code::kAborted || pinned) return written;
        last = written.status();
    }
    return last;
}

// Of those that have something to commit, in order.
std::vector<Result<store::Revision>> Resources::commit_all(
    std::vector<Result<Prepared>>& prepared) {
    std::vector<store::Transaction> transactions;
    for (Result<Prepared>& each : prepared) {
        if (each.ok() && each->transaction)
            transactions.push_back(*std::exchange(each->transaction, store::Transaction()));
    }
    return transactions.empty() ? std::vector<Result<store::Revision>>()
                                : store_.commit_each(transactions);
}

std::vector<Result<Object>> Resources::modify_each(const std::vector<Edit>& edits,
                                                   const WriteOptions& options) {
    std::vector<Result<Object>> results;
    results.reserve(edits.size());
    for (std::size_t from = 0; from < edits.size(); from += kMaxTogether) {
        const std::size_t end = std::min(from + kMaxTogether, edits.size());
        std::vector<Result<Prepared>> prepared;
        std::vector<bool> pins;
        for (std::size_t i = from; i < end; ++i) {
            bool pinned = false;
            prepared.push_back(prepare_edit(edits[i], options, pinned));
            pins.push_back(pinned);
        }
        const std::vector<Result<store::Revision>> revisions = commit_all(prepared);
        auto revision = revisions.begin();
        for (std::size_t i = from; i < end; ++i) {
            Result<Prepared>& each = prepared[i - from];
            if (!each.ok()) {
                results.push_back(each.status());
            } else if (!each->transaction) {
                results.push_back(std::move(each->now));
            } else {
                results.push_back(finish(std::move(*each), *revision++));
            }
            if (results.back().status().code() == Code::kAborted && !pins[i - from])
                results.back() = modify_one(edits[i], options);
        }
        // What is not answered now is not a moment later.
        const Status last = results.back().status();
        if (last.code() == Code::kUnavailable || last.code() == Code::kDeadlineExceeded) {
            results.resize(edits.size(), Result<Object>(last));
            return results;
        }
    }
    return results;
}

Result<Object> Resources::modify(const ObjectKey& key, const WriteOptions& options, Change change) {
    return modify_one({key, std::move(change)}, options);
}

Result<Object> Resources::modify_status(const ObjectKey& key, const WriteOptions& options,
                                        Change change) {
    return modify_one({key, std::move(change), true}, options);
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
    return modify_one({key, apply, patch.status}, options);
}

}  // namespace hf::resources
