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

std::string encode(const ServiceEvent& event) {
    return json::write(json::Object{{"service", event.service},
                                    {"uid", event.uid},
                                    {"warning", event.warning},
                                    {"reason", event.reason},
                                    {"message", event.message}});
}

std::optional<ServiceEvent> decode(const std::string& text) {
    const Result<json::Value> value = json::parse(text);
    if (!value.ok()) return std::nullopt;
    return ServiceEvent{std::string(json::get_string(*value, "service")),
                        std::string(json::get_string(*value, "uid")),
                        json::get_bool(*value, "warning"),
                        std::string(json::get_string(*value, "reason")),
                        std::string(json::get_string(*value, "message"))};
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

Link::Link(World world, Options options)
    : control_plane_(world.control_plane),
      clock_(world.clock),
      options_(std::move(options)),
      outbox_(world.outbox) {
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
    const Urgency urgency = event.warning ? Urgency::kHigh : Urgency::kNormal;
    const Instant expires = clock_.now() + (event.warning ? kWarningKept : kEventKept);
    Status kept;
    {
        const MutexLock lock(mutex_);
        kept = outbox_.put(urgency, expires, encode(event));
    }
    changed_.notify_all();
    if (!kept.ok()) note(kept.context("an event was lost"));
}

Link::Account Link::account() const {
    const MutexLock lock(mutex_);
    return {outbox_.size(), outbox_.account()};
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
        return outgoing;
    }
    while (const OutboxItem* item = outbox_.next(clock_.now())) {
        outgoing.sequence = item->sequence;
        outgoing.event = decode(item->payload);
        if (outgoing.event) return outgoing;
        const Status ignored = outbox_.acknowledge(item->sequence);  // of another version of this
        (void)ignored;
    }
    return outgoing;
}

Status Link::send(const Outgoing& outgoing) {
    if (outgoing.status) return control_plane_.publish(*outgoing.status);
    if (outgoing.event) return control_plane_.tell(*outgoing.event);
    return control_plane_.heartbeat();
}

void Link::settle(Outgoing outgoing, const Status& sent) {
    const bool again = !sent.ok() && !is_final(sent.code());
    if (outgoing.status) {
        if (again && !status_) status_.swap(outgoing.status);
        return;
    }
    if (!outgoing.event || again) return;
    const Status ignored = outbox_.acknowledge(outgoing.sequence);  // else it is said once more
    (void)ignored;
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
