// Resources: the objects of the resource API over a store: reading, writing with admission and
// audit, watching, removing with finalizers and owners. The HTTP server (control/server/), the node
// agent and the reconcilers all go through this class.
//
// Every write compares (two writers never overwrite each other unseen) and puts its audit entry in
// the same transaction: what is stored is audited, and the other way round. Whether the caller may
// write at all is asked by who faces people (access_rules()); this class itself only refuses to let
// anybody grant what they do not hold.
//
// Thread-safety: all methods from any thread. Errors have Kubernetes' wording: NOT_FOUND,
// ALREADY_EXISTS, ABORTED (read again and retry), INVALID_ARGUMENT (WriteOptions::report tells
// more), PERMISSION_DENIED, OUT_OF_RANGE ("too old": list again), FAILED_PRECONDITION.

#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/access.h"
#include "api/kinds.h"
#include "api/selector.h"
#include "env/clock.h"
#include "env/entropy.h"
#include "resources/admission.h"
#include "resources/keys.h"
#include "resources/watch.h"

namespace hf::resources {

struct WriteOptions {
    api::Identity who;
    api::FieldValidation field_validation = api::FieldValidation::kStrict;
    bool dry_run = false;      // all checks, nothing stored
    Report* report = nullptr;  // may be null
};

struct Patch {
    enum class Type : unsigned char { kMerge, kJson };
    Type type = Type::kMerge;
    json::Value value;
    bool status = false;  // of the status subresource
};

// What becomes of the objects that the removed one owns.
enum class Propagation : unsigned char {
    kBackground,  // they go after it
    kForeground,  // they go before it
    kOrphan,      // they stay, without it as their owner
};

struct RemoveOptions {
    api::Identity who;
    bool dry_run = false;
    Propagation propagation = Propagation::kBackground;
    std::string uid;               // when set: only this very object
    std::string resource_version;  // when set: only this version of it
};

struct Removal {
    api::Object object;  // as it was, or as it waits
    bool gone = false;   // false: finalizers hold it
};

struct ListOptions {
    api::Selection selection;
    std::size_t limit = 0;       // 0: all
    std::string continue_token;  // of the list before
    store::Revision at{0};       // 0: now, or what the token says
};

struct ObjectList {
    std::vector<api::Object> items;  // by namespace, then name
    std::string resource_version;    // watch from here
    std::string continue_token;      // empty: that was all
};

// Something worth telling people about an object.
struct EventNote {
    std::string type = "Normal";  // or "Warning"
    std::string reason;           // "Pulled"
    std::string message;
    std::string component;  // "node"
    std::string host;       // the node's name; may be empty
};

struct AuditRecord;  // resources/audit.h

class Resources final {
public:
    // REQUIRES: all three outlive this.
    Resources(store::Store& store, env::Clock& clock, env::Entropy& entropy);

    // Asked before an object is written, after all other checks; may change it. `before` is null
    // for a new one. Set once, before others use this.
    using Admit = std::function<Status(const api::Object* before, api::Object& now,
                                       const api::Identity& who)>;
    void set_admission(Admit admit) { admit_ = std::move(admit); }

    Result<api::Object> get(const ObjectKey& key);
    Result<ObjectList> list(const api::Kind& kind, std::string_view ns, const ListOptions& options);

    Result<api::Object> create(api::Object object, const WriteOptions& options);

    // The whole object, status excepted; compares metadata.resourceVersion, which must be there.
    // The write that takes the last finalizer of an object being removed removes it.
    Result<api::Object> update(api::Object object, const WriteOptions& options);

    // Only status; compares when metadata.resourceVersion is there.
    Result<api::Object> update_status(api::Object object, const WriteOptions& options);

    // Tries again when others write between, unless the patch itself names a resourceVersion.
    Result<api::Object> patch(const ObjectKey& key, const Patch& patch,
                              const WriteOptions& options);

    // Reads, lets `change` edit, writes; again when others wrote between. An error of `change` ends
    // it. For reconcilers: modify_status writes only status.
    using Change = std::function<Status(api::Object& object)>;
    Result<api::Object> modify(const ObjectKey& key, const WriteOptions& options, Change change);
    Result<api::Object> modify_status(const ObjectKey& key, const WriteOptions& options,
                                      Change change);

    // Edits that do not hang on each other, as modify() and modify_status() do each, in order; but
    // what a store can make durable together is (Store::commit_each). One that lost against another
    // writer is done again by itself. One result each.
    struct Edit {
        ObjectKey key;
        Change change;
        bool status = false;
    };
    std::vector<Result<api::Object>> modify_each(const std::vector<Edit>& edits,
                                                 const WriteOptions& options);

    Result<Removal> remove(const ObjectKey& key, const RemoveOptions& options);

    // In `ns`, or everywhere when it is empty. See watch.h.
    Result<std::unique_ptr<ObjectWatch>> watch(const api::Kind& kind, std::string_view ns,
                                               const WatchOptions& options);

    // The roles and bindings as they are now.
    Result<api::AccessRules> access_rules();

    // Makes an Event about `object`, or counts one up that says the same.
    Status record_event(const api::Object& object, const EventNote& note);

    // The same for many, made durable together where the store can. The last error.
    struct Told {
        api::Object object;
        EventNote note;
    };
    Status record_events(const std::vector<Told>& told);

    // An audit entry for what was decided and is no write, such as a refusal.
    Status record_audit(const AuditRecord& record);

    // Removes objects whose owners are all gone, and those that wait for what they own. What it
    // removed is the answer.
    Result<std::size_t> collect_garbage();

    // Housekeeping, called by the owner now and then (every few seconds): collects garbage after
    // removals, expires old events and audit entries, compacts old history.
    Status maintain();

    // Something may have been removed by others, beside this object: maintain() looks for garbage.
    void expect_garbage() { removed_ = true; }

    store::Store& store() { return store_; }
    env::Clock& clock() { return clock_; }

private:
    struct Write;     // one object's change with its audit entry (write.h)
    struct Prepared;  // what is left to be committed (write.h)
    enum class Part : unsigned char { kAll, kStatus };

    store::Transaction transaction_of(const Write& write);
    Result<store::Revision> commit(const Write& write);
    Result<Prepared> prepare_new(api::Object object, const WriteOptions& options);
    Result<Prepared> prepare_change(const api::Object& before, api::Object now,
                                    const WriteOptions& options);
    Result<Prepared> prepare_part(Part part, const api::Object& before, api::Object object,
                                  const WriteOptions& options);
    Result<Prepared> prepare_edit(const Edit& edit, const WriteOptions& options, bool& pinned);
    Result<api::Object> finish(Prepared prepared, const Result<store::Revision>& revision);
    Result<api::Object> carry_out(Prepared prepared);
    std::vector<Result<store::Revision>> commit_all(std::vector<Result<Prepared>>& prepared);
    Result<api::Object> store_change(const api::Object& before, api::Object now,
                                     const WriteOptions& options);
    Result<api::Object> write_part(Part part, api::Object object, const WriteOptions& options);
    Result<api::Object> modify_one(const Edit& edit, const WriteOptions& options);
    Result<api::Object> mark_removed(const api::Object& object, const RemoveOptions& options);
    Status disown(const api::Object& owner, const RemoveOptions& options);
    Result<std::vector<api::Object>> all_objects();
    Status check_grant(const api::Object& object, const WriteOptions& options);
    Status forget(const std::vector<std::string>& keys);
    Status expire(std::string_view prefix, std::size_t keep);
    Status expire_events();
    Status record_again(const api::Object& event, const EventNote& note);
    std::string random_hex(std::size_t bytes);
    std::string make_uid();

    store::Store& store_;
    env::Clock& clock_;
    env::Entropy& entropy_;
    Admit admit_;
    std::atomic<bool> removed_{false};  // since garbage was last collected
    std::atomic<std::int64_t> compacted_{0};
    std::atomic<Instant> events_due_{Instant{}};  // no event is to be forgotten before
};

}  // namespace hf::resources
