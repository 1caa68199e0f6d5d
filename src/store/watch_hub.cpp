#include "store/watch_hub.h"

#include <algorithm>
#include <deque>
#include <list>
#include <map>

#include "base/mutex.h"

namespace hf::store {
namespace {

// The queue of one watch, under the hub's mutex.
struct Queue {
    std::string prefix;
    std::function<void()> on_events;
    std::deque<Event> events;
    Revision begins;     // events up to here are not wanted, or were there from the start
    Revision delivered;  // every event up to here was handed out
    bool cancelled = false;
    bool overrun = false;
    bool touched = false;  // by what is being published
};

}  // namespace

// Queues are found by their prefix: who watches one of many objects costs those nothing who write
// the others.
struct WatchHub::Shared {
    Mutex mutex;
    ConditionVariable changed;
    std::map<std::string, std::list<std::shared_ptr<Queue>>, std::less<>> queues
        HF_GUARDED_BY(mutex);
    std::map<std::size_t, std::size_t> lengths HF_GUARDED_BY(mutex);  // of prefixes: how many
    Revision newest HF_GUARDED_BY(mutex);                             // that was published

    void add(const std::shared_ptr<Queue>& queue) HF_REQUIRES(mutex) {
        auto& same = queues[queue->prefix];
        if (same.empty()) ++lengths[queue->prefix.size()];
        same.push_back(queue);
    }

    void remove(const std::shared_ptr<Queue>& queue) HF_REQUIRES(mutex) {
        const auto at = queues.find(queue->prefix);
        if (at == queues.end()) return;
        at->second.remove(queue);
        if (!at->second.empty()) return;
        queues.erase(at);
        const auto length = lengths.find(queue->prefix.size());
        if (--length->second == 0) lengths.erase(length);
    }

    // Every queue.
    template <typename F>
    void each(F body) HF_REQUIRES(mutex) {
        for (const auto& [prefix, same] : queues) {
            for (const std::shared_ptr<Queue>& queue : same) body(*queue);
        }
    }

    // The queues whose prefix the key begins with.
    template <typename F>
    void each_of(std::string_view key, F body) HF_REQUIRES(mutex) {
        for (const auto& [length, count] : lengths) {
            if (length > key.size()) return;
            const auto at = queues.find(key.substr(0, length));
            if (at == queues.end()) continue;
            for (const std::shared_ptr<Queue>& queue : at->second) body(*queue);
        }
    }
};

namespace {

template <typename Shared>
class HubWatch final : public Watch {
public:
    HubWatch(std::shared_ptr<Shared> shared, std::shared_ptr<Queue> queue)
        : shared_(std::move(shared)), queue_(std::move(queue)) {}

    ~HubWatch() override {
        const MutexLock lock(shared_->mutex);
        shared_->remove(queue_);
    }

    Result<std::vector<Event>> next(Duration patience) override {
        MutexLock lock(shared_->mutex);
        // Even a wait of no time gives the processor away.
        if (patience > Duration::zero()) {
            shared_->changed.wait_for(lock, patience, [this]() HF_REQUIRES(shared_->mutex) {
                return queue_->cancelled || queue_->overrun || !queue_->events.empty();
            });
        }
        Queue& queue = *queue_;
        if (queue.cancelled) return cancelled("the watch of '{}' was cancelled", queue.prefix);
        if (queue.overrun) {
            return out_of_range("the watch of '{}' fell too far behind; list again", queue.prefix);
        }
        std::vector<Event> events(std::make_move_iterator(queue.events.begin()),
                                  std::make_move_iterator(queue.events.end()));
        queue.events.clear();
        queue.delivered = std::max(queue.begins, shared_->newest);
        return events;
    }

    void cancel() override {
        std::function<void()> to_call;
        {
            const MutexLock lock(shared_->mutex);
            queue_->cancelled = true;
            to_call = queue_->on_events;
        }
        shared_->changed.notify_all();
        if (to_call) to_call();
    }

    Revision delivered() const override {
        const MutexLock lock(shared_->mutex);
        return queue_->delivered;
    }

private:
    const std::shared_ptr<Shared> shared_;
    const std::shared_ptr<Queue> queue_ HF_GUARDED_BY(shared_->mutex);
};

}  // namespace

WatchHub::WatchHub() : shared_(std::make_shared<Shared>()) {}

WatchHub::~WatchHub() {
    {
        const MutexLock lock(shared_->mutex);
        shared_->each([](Queue& queue) { queue.cancelled = true; });
    }
    shared_->changed.notify_all();
}

std::unique_ptr<Watch> WatchHub::open(Start start) {
    auto queue = std::make_shared<Queue>();
    queue->prefix = std::move(start.prefix);
    queue->on_events = std::move(start.on_events);
    queue->begins = start.now;
    queue->overrun = start.missed.size() > kMaxQueuedEvents;
    if (!queue->overrun) {
        queue->events.assign(std::make_move_iterator(start.missed.begin()),
                             std::make_move_iterator(start.missed.end()));
    }
    if (queue->events.empty()) queue->delivered = start.now;
    const MutexLock lock(shared_->mutex);
    shared_->add(queue);
    return std::make_unique<HubWatch<Shared>>(shared_, queue);
}

std::vector<std::function<void()>> WatchHub::publish(const std::vector<Event>& events,
                                                     Revision revision) {
    std::vector<std::function<void()>> to_call;
    {
        const MutexLock lock(shared_->mutex);
        shared_->newest = std::max(shared_->newest, revision);
        std::vector<Queue*> touched;
        for (const Event& event : events) {
            shared_->each_of(event.now.key, [&](Queue& queue) {
                // A watch may begin later than what the store has seen so far.
                if (revision <= queue.begins) return;
                if (!queue.touched) touched.push_back(&queue);
                queue.touched = true;
                queue.events.push_back(event);
            });
        }
        for (Queue* queue : touched) {
            queue->touched = false;
            if (queue->events.size() > kMaxQueuedEvents) {
                queue->overrun = true;
                queue->events.clear();
            }
            if (queue->on_events) to_call.push_back(queue->on_events);
        }
    }
    shared_->changed.notify_all();
    return to_call;
}

std::vector<std::function<void()>> WatchHub::end_all() {
    std::vector<std::function<void()>> to_call;
    {
        const MutexLock lock(shared_->mutex);
        shared_->each([&](Queue& queue) {
            queue.overrun = true;
            queue.events.clear();
            if (queue.on_events) to_call.push_back(queue.on_events);
        });
    }
    shared_->changed.notify_all();
    return to_call;
}

}  // namespace hf::store
