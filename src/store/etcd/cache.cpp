#include "store/etcd/cache.h"

#include <algorithm>

namespace hf::store::etcd {
namespace {

std::size_t bytes_of(const Event& event) {
    std::size_t bytes = sizeof(Event) + event.now.key.size() + event.now.value.size();
    if (event.previous) bytes += event.previous->key.size() + event.previous->value.size();
    return bytes;
}

}  // namespace

Revision Cache::revision() {
    const MutexLock lock(mutex_);
    return revision_;
}

bool Cache::wait_for(Revision revision, Duration patience) {
    MutexLock lock(mutex_);
    return changed_.wait_for(lock, patience,
                             [&]() HF_REQUIRES(mutex_) { return settled_ >= revision; });
}

void Cache::settle(Revision revision) {
    {
        const MutexLock lock(mutex_);
        settled_ = std::max(settled_, revision);
    }
    changed_.notify_all();
}

void Cache::load(std::vector<KeyValue> items, Revision revision) {
    std::vector<std::function<void()>> to_call;
    {
        const MutexLock lock(mutex_);
        keys_.clear();
        for (KeyValue& item : items) {
            std::string key = item.key;
            keys_.emplace(std::move(key), std::move(item));
        }
        history_.clear();
        history_bytes_ = 0;
        history_from_ = revision;
        revision_ = settled_ = revision;
        to_call = hub_.end_all();
    }
    for (const auto& call : to_call) call();
    settle(revision);
}

Event Cache::taken(Event event) {
    const auto at = keys_.find(event.now.key);
    event.previous = std::nullopt;
    if (at != keys_.end()) event.previous = at->second;
    if (event.kind == Event::Kind::kPut) {
        keys_.insert_or_assign(event.now.key, event.now);
    } else {
        // etcd's own event of a removal has neither.
        event.now.created = event.previous ? event.previous->created : event.now.modified;
        event.now.value.clear();
        if (at != keys_.end()) keys_.erase(at);
    }
    return event;
}

void Cache::remember(const Event& event) {
    history_.push_back(event);
    history_bytes_ += bytes_of(event);
    while (history_.size() > kMaxHistoryEvents || history_bytes_ > kMaxHistoryBytes) {
        // A revision goes as a whole.
        history_from_ = history_.front().now.modified;
        while (!history_.empty() && history_.front().now.modified <= history_from_) {
            history_bytes_ -= bytes_of(history_.front());
            history_.pop_front();
        }
    }
}

void Cache::apply(std::vector<Event> events) {
    std::vector<std::function<void()>> to_call;
    Revision done;
    {
        const MutexLock lock(mutex_);
        for (auto at = events.begin(); at != events.end();) {
            const Revision revision = at->now.modified;
            const auto end = std::find_if(at, events.end(), [&](const Event& event) {
                return event.now.modified != revision;
            });
            if (revision > revision_) {
                std::vector<Event> of_one;
                for (; at != end; ++at) of_one.push_back(taken(std::move(*at)));
                for (const Event& event : of_one) remember(event);
                revision_ = revision;
                for (auto& call : hub_.publish(of_one, revision)) {
                    to_call.push_back(std::move(call));
                }
            }
            at = end;
        }
        done = revision_;
    }
    for (const auto& call : to_call) call();
    settle(done);
}

Result<KeyValue> Cache::get(std::string_view key) {
    const MutexLock lock(mutex_);
    const auto at = keys_.find(key);
    if (at == keys_.end()) return not_found("no key '{}'", key);
    return at->second;
}

ListResult Cache::list(std::string_view prefix, const ListOptions& options) {
    const MutexLock lock(mutex_);
    ListResult result;
    result.revision = revision_;
    auto at = keys_.lower_bound(prefix);
    if (options.start_after >= prefix) at = keys_.upper_bound(options.start_after);
    for (; at != keys_.end() && at->first.starts_with(prefix); ++at) {
        if (options.limit != 0 && result.items.size() == options.limit) {
            result.more = true;
            break;
        }
        result.items.push_back(at->second);
    }
    return result;
}

Cache::Summary Cache::summary() {
    const MutexLock lock(mutex_);
    Summary summary;
    for (const auto& [key, item] : keys_) summary.keys.emplace(key, item.modified);
    summary.revision = revision_;
    return summary;
}

void Cache::forget_before(Revision revision) {
    const MutexLock lock(mutex_);
    if (revision <= history_from_ || revision > revision_) return;
    history_from_ = revision;
    while (!history_.empty() && history_.front().now.modified <= history_from_) {
        history_bytes_ -= bytes_of(history_.front());
        history_.pop_front();
    }
}

std::unique_ptr<Watch> Cache::open(Start& start) {
    const MutexLock lock(mutex_);
    const Revision from = std::max(start.after, start.missed_to);
    if (from < history_from_) return nullptr;
    WatchHub::Start begin{start.prefix, std::move(start.missed), std::max(revision_, from),
                          std::move(start.on_events)};
    for (const Event& event : history_) {
        if (event.now.modified > from && event.now.key.starts_with(start.prefix)) {
            begin.missed.push_back(event);
        }
    }
    return hub_.open(std::move(begin));
}

}  // namespace hf::store::etcd
