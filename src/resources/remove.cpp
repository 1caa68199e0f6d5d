// Removing: finalizers, owners, garbage, and what is forgotten with time.

#include <algorithm>
#include <map>
#include <set>

#include "resources/write.h"

namespace hf::resources {
namespace {

using api::Object;

constexpr std::string_view kForegroundFinalizer = "foregroundDeletion";
constexpr int kMaxTries = 8;

// How long, and how much, is remembered.
constexpr Duration kEventLife = std::chrono::hours(1);
constexpr Duration kEventsLookEvery = std::chrono::minutes(5);  // sooner when one is due
constexpr std::size_t kMaxAuditEntries = 10'000;
constexpr std::int64_t kHistoryRevisions = 10'000;
constexpr std::int64_t kCompactRevisions = 1'000;  // forgotten together

// How many keys are forgotten in one transaction, so that it stays below the store's bounds.
constexpr std::size_t kMaxForgotten = 100;

bool contains(const std::vector<std::string>& list, std::string_view text) {
    return std::find(list.begin(), list.end(), text) != list.end();
}

Status check_preconditions(const ObjectKey& key, const Object& object,
                           const RemoveOptions& options) {
    if (!options.uid.empty() && options.uid != object.uid()) {
        return aborted(
            "Operation cannot be fulfilled on {} \"{}\": Precondition failed: UID in "
            "precondition: {}, UID in object meta: {}",
            key.kind->qualified(), key.name, options.uid, object.uid());
    }
    if (!options.resource_version.empty() &&
        options.resource_version != object.resource_version()) {
        return aborted(
            "Operation cannot be fulfilled on {} \"{}\": Precondition failed: "
            "ResourceVersion in precondition: {}, ResourceVersion in object meta: {}",
            key.kind->qualified(), key.name, options.resource_version, object.resource_version());
    }
    return {};
}

}  // namespace

Result<Object> Resources::mark_removed(const Object& object, const RemoveOptions& options) {
    Object now = object;
    now.edit_metadata()["deletionTimestamp"] = format_rfc3339(clock_.now());
    now.edit_metadata()["deletionGracePeriodSeconds"] = 0;
    WriteOptions write;
    write.who = options.who;
    return store_change(object, std::move(now), write);
}

Result<Removal> Resources::remove(const ObjectKey& key, const RemoveOptions& options) {
    Status lost;
    for (int attempt = 0; attempt < kMaxTries; ++attempt) {
        Object object = HF_TRY(get(key));
        HF_TRY(check_preconditions(key, object, options));
        const store::Revision compared = HF_TRY(parse_resource_version(object.resource_version()));
        std::vector<std::string> finalizers = object.finalizers();
        if (options.propagation == Propagation::kForeground &&
            !contains(finalizers, kForegroundFinalizer)) {
            finalizers.emplace_back(kForegroundFinalizer);
            object.set_finalizers(finalizers);
        }
        if (options.dry_run) return Removal{std::move(object), finalizers.empty()};
        if (options.propagation == Propagation::kOrphan) HF_TRY(disown(object, options));
        if (!finalizers.empty()) {
            if (object.being_removed()) return Removal{std::move(object), false};
            Result<Object> marked = mark_removed(object, options);
            removed_ = true;
            if (marked.ok()) return Removal{std::move(*marked), false};
            lost = marked.status();
        } else {
            const Result<store::Revision> revision =
                commit({options.who, "delete", key, compared, nullptr, object.uid()});
            removed_ = true;
            if (revision.ok()) return Removal{std::move(object), true};
            lost = revision.status();
        }
        if (lost.code() != Code::kAborted) return lost;
    }
    return conflict(*key.kind, key.name);
}

// Takes `owner` out of the owner references of all that it owns.
Status Resources::disown(const Object& owner, const RemoveOptions& options) {
    WriteOptions write;
    write.who = options.who;
    const std::vector<Object> objects = HF_TRY(all_objects());
    for (const Object& object : objects) {
        const std::vector<api::OwnerReference> owners = object.owner_references();
        const bool owned = std::any_of(owners.begin(), owners.end(), [&](const auto& reference) {
            return reference.uid == owner.uid();
        });
        if (!owned) continue;
        const api::Kind& kind = *HF_TRY(kind_of(object));
        const Result<Object> changed =
            modify(key_of(kind, object), write, [&](Object& dependent) -> Status {
                const std::vector<api::OwnerReference> references = dependent.owner_references();
                dependent.edit_metadata().erase("ownerReferences");
                for (const api::OwnerReference& reference : references) {
                    if (reference.uid != owner.uid()) dependent.add_owner(reference);
                }
                return {};
            });
        if (!changed.ok() && changed.status().code() != Code::kNotFound) return changed.status();
    }
    return {};
}

Result<std::vector<Object>> Resources::all_objects() {
    std::vector<Object> objects;
    const store::ListResult all = HF_TRY(store_.list(kObjectsPrefix, {}));
    for (const store::KeyValue& stored : all.items) objects.push_back(HF_TRY(decode(stored)));
    return objects;
}

Result<std::size_t> Resources::collect_garbage() {
    const std::vector<Object> objects = HF_TRY(all_objects());
    std::map<std::string, const Object*, std::less<>> by_uid;
    for (const Object& object : objects) by_uid.emplace(object.uid(), &object);
    const auto waits = [](const Object& object) {
        return object.being_removed() && contains(object.finalizers(), kForegroundFinalizer);
    };
    std::set<std::string, std::less<>> blocking;  // uids of owners that something still belongs to
    std::size_t removed = 0;
    RemoveOptions options;
    options.who = api::Identity::of_system("garbage-collector");
    for (const Object& object : objects) {
        const std::vector<api::OwnerReference> owners = object.owner_references();
        if (owners.empty()) continue;
        bool kept = false;
        for (const api::OwnerReference& owner : owners) {
            const auto found = by_uid.find(owner.uid);
            kept = kept || (found != by_uid.end() && !waits(*found->second));
            blocking.insert(owner.uid);
        }
        if (kept) continue;
        options.uid = std::string(object.uid());
        const Result<Removal> removal = remove(key_of(*HF_TRY(kind_of(object)), object), options);
        if (removal.ok()) removed += removal->gone;
    }
    WriteOptions write;
    write.who = options.who;
    for (const Object& object : objects) {
        if (!waits(object) || blocking.contains(object.uid())) continue;
        const Result<Object> freed =
            modify(key_of(*HF_TRY(kind_of(object)), object), write, [](Object& now) -> Status {
                std::vector<std::string> finalizers = now.finalizers();
                std::erase(finalizers, kForegroundFinalizer);
                now.set_finalizers(finalizers);
                return {};
            });
        if (freed.ok()) ++removed;
    }
    return removed;
}

Status Resources::forget(const std::vector<std::string>& keys) {
    for (std::size_t from = 0; from < keys.size(); from += kMaxForgotten) {
        store::Transaction some;
        const std::size_t end = std::min(from + kMaxForgotten, keys.size());
        for (std::size_t i = from; i < end; ++i) some.removes.push_back(keys[i]);
        HF_TRY(store_.commit(some).status());
    }
    return {};
}

Status Resources::expire(std::string_view prefix, std::size_t keep) {
    const store::ListResult all = HF_TRY(store_.list(prefix, {}));
    std::vector<std::string> oldest;  // keys begin with the time
    for (std::size_t i = 0; i + keep < all.items.size(); ++i) oldest.push_back(all.items[i].key);
    return forget(oldest);
}

Status Resources::expire_events() {
    const Instant now = clock_.now();
    // Further away than it is ever set: the clock was put back.
    const Instant due = events_due_;
    if (now < due && due - now <= kEventsLookEvery) return {};
    const std::string before = format_rfc3339(now - kEventLife);
    std::string oldest = format_rfc3339(now);  // of those that stay
    std::vector<std::string> expired;
    const ObjectList events = HF_TRY(list(api::event_kind(), "", {}));
    for (const Object& event : events.items) {
        // RFC 3339 in UTC orders as text.
        const std::string_view last =
            json::get_string(event.json(), "lastTimestamp", event.creation_timestamp());
        if (last < before) {
            expired.push_back(store_key(key_of(api::event_kind(), event)));
        } else {
            oldest = std::min(oldest, std::string(last));
        }
    }
    HF_TRY(forget(expired));
    // Those that come later, or are counted up, stay longer.
    const Result<Instant> until = parse_rfc3339(oldest);
    events_due_ = std::min(until.ok() ? *until + kEventLife : now, now + kEventsLookEvery);
    return {};
}

Status Resources::maintain() {
    HF_TRY(store_.expire_leases());
    // Each pass removes one generation; what it removed may have owned more.
    while (removed_.exchange(false)) HF_TRY(collect_garbage());
    HF_TRY(expire_events());
    const std::int64_t oldest = store_.revision().value() - kHistoryRevisions;
    if (oldest < compacted_ + kCompactRevisions) return {};
    // A revision has one audit entry at most, so there are few too many yet before it is due.
    static_assert(kHistoryRevisions <= static_cast<std::int64_t>(kMaxAuditEntries));
    HF_TRY(expire(kAuditPrefix, kMaxAuditEntries));
    HF_TRY(store_.compact(store::Revision(oldest)));
    compacted_ = oldest;
    return {};
}

}  // namespace hf::resources
