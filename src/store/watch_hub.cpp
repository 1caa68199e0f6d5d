#include "store/watch_hub.h"

#include <algorithm>
#include <deque>
#include <list>

#include "base/mutex.h"

namespace hf::store {
namespace {

// The queue of one watch, under the hub's mutex.
struct Queue {
    std::string prefix;
    std::function<void()> on_events;
    std::deque<Event> events;
    Revision seen;       // every event up to here was queued
    Revision delivered;  // every event up to here was handed out
    bool cancelled = false;
    bool overrun = false;
};

}  // namespace

struct WatchHub::Shared {
    Mutex mutex;
    ConditionVariable changed;
    std::list<std::shared_ptr<Queue>> queues HF_GUARDED_BY(mutex);
};

namespace {

template <typename Shared>
class HubWatch final : public Watch {
public:
    HubWatch(std::shared_ptr<Shared> shared, std::shared_ptr<Queue> queue)
        : shared_(std::move(shared)), queue_(std::move(queue)) {}

    ~HubWatch() override {
        const MutexLock lock(shared_->mutex);
        shared_->queues.remove(queue_);
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
        queue.delivered = queue.seen;
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
        for (const auto& queue : shared_->queues) queue->cancelled = true;
    }
    shared_->changed.notify_all();
}

std::unique_ptr<Watch> WatchHub::open(Start start) {
    auto queue = std::make_shared<Queue>();
    queue->prefix = std::move(start.prefix);
    queue->on_events = std::move(start.on_events);
    queue->seen = start.now;
    queue->overrun = start.missed.size() > kMaxQueuedEvents;
    if (!queue->overrun) {
        queue->events.assign(std::make_move_iterator(start.missed.begin()),
                             std::make_move_iterator(start.missed.end()));
    }
    if (queue->events.empty()) queue->delivered = start.now;
    const MutexLock lock(shared_->mutex);
    shared_->queues.push_back(queue);
    return std::make_unique<HubWatch<Shared>>(shared_, queue);
}

std::vector<std::function<void()>> WatchHub::publish(const std::vector<Event>& events,
                                                     Revision revision) {
    std::vector<std::function<void()>> to_call;
    {
        const MutexLock lock(shared_->mutex);
        for (const auto& queue : shared_->queues) {
            // A watch may begin later than what the store has seen so far.
            if (revision <= queue->seen) continue;
            queue->seen = revision;
            const std::size_t before = queue->events.size();
            for (const Event& event : events) {
                if (event.now.key.starts_with(queue->prefix)) queue->events.push_back(event);
            }
            if (queue->events.size() > kMaxQueuedEvents) {
                queue->overrun = true;
                queue->events.clear();
            }
            const bool news = queue->events.size() != before || queue->overrun;
            if (news && queue->on_events) to_call.push_back(queue->on_events);
        }
    }
    shared_->changed.notify_all();
    return to_call;
}

std::vector<std::function<void()>> WatchHub::end_all() {
    std::vector<std::function<void()>> to_call;
    {
        const MutexLock lock(shared_->mutex);
        for (const auto& queue : shared_->queues) {
            queue->overrun = true;
            queue->events.clear();
            if (queue->on_events) to_call.push_back(queue->on_events);
        }
    }
    shared_->changed.notify_all();
    return to_call;
}

}  // namespace hf::store
