#include "node/link.h"

#include <pthread.h>

#include <algorithm>

namespace hf::node {
namespace {

// A refusal that will be the same when it is sent again.
bool is_final(Code code) {
    return code == Code::kInvalidArgument || code == Code::kNotFound ||
           code == Code::kPermissionDenied || code == Code::kAlreadyExists;
}

}  // namespace

Duration link_pause(int failures, Rng& rng) {
    constexpr int kMostDoublings = 10;
    const Duration whole =
        std::min(kLinkRetryMost,
                 kLinkRetryFirst * (1 << std::min(std::max(failures - 1, 0), kMostDoublings)));
    const auto half = static_cast<std::uint64_t>(whole.count() / 2);
    return Duration(static_cast<Duration::rep>(half + rng.below(half + 1)));
}

Link::Link(ControlPlane& control_plane, Options options)
    : control_plane_(control_plane), options_(std::move(options)) {
    watch_ = std::thread([this] {
        pthread_setname_np(pthread_self(), "hf-node-watch");
        run_watch();
    });
    link_ = std::thread([this] {
        pthread_setname_np(pthread_self(), "hf-node-link");
        run_link();
    });
}

Link::~Link() {
    {
        const MutexLock lock(mutex_);
        stopping_ = true;
    }
    control_plane_.stop();
    changed_.notify_all();
    watch_.join();
    link_.join();
}

void Link::publish(json::Object status) {
    {
        const MutexLock lock(mutex_);
        status_ = std::move(status);
    }
    changed_.notify_all();
}

void Link::tell(ServiceEvent event) {
    {
        const MutexLock lock(mutex_);
        if (events_.size() == kMaxEvents) {
            events_.pop_front();
            ++dropped_;
        }
        events_.push_back(std::move(event));
    }
    changed_.notify_all();
}

bool Link::connected() const {
    const MutexLock lock(mutex_);
    return enlisted_ && last_trouble_.ok();
}

// Tells of each new trouble once; OK ends the last one.
void Link::note(Status trouble) {
    {
        const MutexLock lock(mutex_);
        if (stopping_ || trouble == last_trouble_) return;
        last_trouble_ = trouble;
    }
    if (!trouble.ok() && options_.on_trouble) options_.on_trouble(trouble);
}

void Link::run_watch() {
    Rng rng(options_.seed);
    int failures = 0;
    const auto stopping = [this]() HF_REQUIRES(mutex_) { return stopping_; };
    for (;;) {
        Status ended = control_plane_.enlist().status();
        if (ended.ok()) {
            {
                const MutexLock lock(mutex_);
                enlisted_ = true;
                reached_ = true;
            }
            changed_.notify_all();
            ended = control_plane_.follow([&](const api::Object& node) -> Status {
                failures = 0;
                note({});
                options_.on_node(node);
                return {};
            });
        }
        note(ended.context("the control plane"));
        MutexLock lock(mutex_);
        changed_.wait_for(lock, link_pause(++failures, rng), stopping);
        if (stopping_) return;
    }
}

// The status before events: it is what others act on.
Link::Outgoing Link::take() {
    Outgoing outgoing;
    if (status_) {
        outgoing.status.swap(status_);
    } else if (!events_.empty()) {
        outgoing.event = events_.front();
        outgoing.dropped = dropped_;
    }
    return outgoing;
}

Status Link::send(const Outgoing& outgoing) {
    if (outgoing.status) return control_plane_.publish(*outgoing.status);
    if (!outgoing.event) return control_plane_.heartbeat();
    if (outgoing.dropped == 0) return control_plane_.tell(*outgoing.event);
    ServiceEvent event = *outgoing.event;
    event.message += fmt::format(" ({} events before it were dropped)", outgoing.dropped);
    return control_plane_.tell(event);
}

void Link::settle(Outgoing outgoing, const Status& sent) {
    const bool again = !sent.ok() && !is_final(sent.code());
    if (outgoing.status) {
        if (again && !status_) status_.swap(outgoing.status);
        return;
    }
    if (!outgoing.event || again) return;
    // It may have been dropped while it was on its way.
    if (!events_.empty() && events_.front() == *outgoing.event) events_.pop_front();
    dropped_ -= std::min(dropped_, outgoing.dropped);
}

void Link::run_link() {
    Rng rng(options_.seed + 1);
    int failures = 0;
    MutexLock lock(mutex_);
    while (!stopping_) {
        changed_.wait_for(lock, options_.heartbeat, [this]() HF_REQUIRES(mutex_) {
            return stopping_ || (enlisted_ && waits());
        });
        if (stopping_ || !enlisted_) continue;
        Outgoing outgoing = take();
        lock.unlock();
        const Status sent = send(outgoing);
        if (!sent.ok()) note(Status(sent).context("the control plane"));
        lock.lock();
        settle(std::move(outgoing), sent);
        if (sent.ok()) {
            failures = 0;
            continue;
        }
        reached_ = false;
        changed_.wait_for(lock, link_pause(++failures, rng),
                          [this]() HF_REQUIRES(mutex_) { return stopping_ || reached_; });
    }
    if (!enlisted_ || !status_) return;
    const Outgoing last = take();
    lock.unlock();
    const Status ignored = send(last);
    (void)ignored;
}

}  // namespace hf::node
