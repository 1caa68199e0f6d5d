// ObjectWatch: the changes of one kind's objects, in order, none lost, none twice, as a watcher
// with a selection sees them: an object that begins to match is added, one that no longer does is
// removed.
//
// One thread at a time calls next(); cancel() from any thread.

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/kind.h"
#include "api/selector.h"
#include "store/store.h"

namespace hf::resources {

struct WatchEvent {
    enum class Type : unsigned char { kAdded, kModified, kRemoved };
    Type type = Type::kAdded;
    api::Object object;  // for kRemoved: as it was last, with the resourceVersion of its removal
};

// "ADDED", "MODIFIED", "DELETED".
std::string_view type_name(WatchEvent::Type type);

struct WatchOptions {
    api::Selection selection;

    // Changes after this version, from a list or an event. nullopt: what is there now comes first,
    // as added.
    std::optional<store::Revision> after;

    // Called from any thread when next() would have something; may be null. See store::Store.
    std::function<void()> on_events;
};

class ObjectWatch final {
public:
    ObjectWatch(std::unique_ptr<store::Watch> watch, api::Selection selection,
                std::vector<WatchEvent> initial);

    // Waits up to `patience`; empty when nothing came. OUT_OF_RANGE when it fell too far behind:
    // list again and watch from there. CANCELLED after cancel().
    Result<std::vector<WatchEvent>> next(Duration patience);

    void cancel() { watch_->cancel(); }

    // The version up to which all has been delivered: where a new watch may go on.
    std::string resource_version() const;

private:
    Result<std::optional<WatchEvent>> translate(const store::Event& event) const;

    std::unique_ptr<store::Watch> watch_;
    api::Selection selection_;
    std::vector<WatchEvent> initial_;  // delivered first
};

}  // namespace hf::resources
