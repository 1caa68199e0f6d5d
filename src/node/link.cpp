#include "node/link.h"

#include <pthread.h>

namespace hf::node {

Link::Link(World world, Options options)
    : control_plane_(world.control_plane),
      clock_(world.clock),
      options_(std::move(options)),
      mail_(world.outbox, {options_.heartbeat, options_.seed + 1}) {
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
        mail_.publish(std::move(status));
    }
    changed_.notify_all();
}

void Link::tell(const ServiceEvent& event) {
    Status kept;
    {
        const MutexLock lock(mutex_);
        kept = mail_.tell(event, clock_.now());
    }
    changed_.notify_all();
    if (!kept.ok()) note(kept.context("an event was lost"));
}

Link::Account Link::account() const {
    const MutexLock lock(mutex_);
    return mail_.account();
}

Duration Link::pace() const {
    const MutexLock lock(mutex_);
    return mail_.pace();
}

// Tells of each new trouble once; OK ends the last one.
void Link::note(const Status& trouble) {
    {
        const MutexLock lock(mutex_);
        if (stopping_ || !troubles_.is_news(trouble, clock_.monotonic())) return;
    }
    if (options_.on_trouble) options_.on_trouble(trouble);
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
                mail_.reached();
            }
            changed_.notify_all();
            ended = control_plane_.follow([&](const api::Object& node) -> Status {
                failures = 0;
                options_.on_node(node);
                return {};
            });
        }
        if (!ended.ok()) note(ended.context("the control plane"));
        MutexLock lock(mutex_);
        changed_.wait_for(lock, link_pause(++failures, rng), stopping);
        if (stopping_) return;
    }
}

void Link::run_link() {
    MutexLock lock(mutex_);
    while (!stopping_) {
        changed_.wait_for(lock, mail_.patience(),
                          [this]() HF_REQUIRES(mutex_) { return stopping_ || mail_.ready(); });
        if (stopping_ || !mail_.enlisted()) continue;
        Mail::Outgoing outgoing = mail_.take(clock_.now(), clock_.monotonic());
        lock.unlock();
        const Status sent = send(control_plane_, outgoing);
        if (!sent.ok()) note(Status(sent).context("the control plane"));
        lock.lock();
        mail_.pace(control_plane_.heartbeat_every());
        mail_.settle(std::move(outgoing), sent);
    }
    if (!mail_.enlisted()) return;
    const std::optional<json::Object> last = mail_.take_status();
    if (!last) return;
    lock.unlock();
    const Status ignored = control_plane_.publish(*last);
    (void)ignored;
}

}  // namespace hf::node
