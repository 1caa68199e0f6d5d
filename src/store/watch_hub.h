// WatchHub: hands the events of a store in this process to its watches. The store publishes under
// its own lock, so that order is the order of revisions; the hub tells the watchers afterwards.
//
// A watch holds at most kMaxQueuedEvents; one that falls further behind is ended with OUT_OF_RANGE,
// as if history had been compacted: its owner lists again.
//
// Thread-safety: all methods from any thread. Watches may outlive the hub.

#pragma once

#include <memory>
#include <vector>

#include "store/store.h"

namespace hf::store {

inline constexpr std::size_t kMaxQueuedEvents = 10'000;

class WatchHub final {
public:
    WatchHub();
    ~WatchHub();
    WatchHub(const WatchHub&) = delete;
    WatchHub& operator=(const WatchHub&) = delete;

    struct Start {
        std::string prefix;
        std::vector<Event> missed;  // what happened between the watch's revision and now
        Revision now;               // events up to here are not queued any more
        std::function<void()> on_events;
    };
    std::unique_ptr<Watch> open(Start start);

    // Queues the events, in order of their revisions, of which `revision` is the last, for the
    // watches that want them. Returns what to call once the store's lock is released.
    std::vector<std::function<void()>> publish(const std::vector<Event>& events, Revision revision);

    // Ends every watch as fallen behind: the store itself does not know what it missed. Returns
    // what to call, as publish() does.
    std::vector<std::function<void()>> end_all();

private:
    struct Shared;
    std::shared_ptr<Shared> shared_;
};

}  // namespace hf::store
