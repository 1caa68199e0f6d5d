#include "store/etcd/feed.h"

#include <pthread.h>

#include <algorithm>

#include "store/etcd.h"
#include "store/etcd/messages.h"
#include "store/transaction.h"

namespace hf::store::etcd {
namespace {

constexpr int kLoadTriesMax = 5;
constexpr int kBackwardsMax = 4;  // probes in a row
constexpr Duration kRetryPause = std::chrono::milliseconds(200);

// Pages begin small, because a value may have a megabyte, and grow while they are light.
constexpr std::size_t kFirstPageKeys = 8;
constexpr std::size_t kPageBytes = 2u << 20;
constexpr Duration kPagePatience = 2 * kReadPatience;

std::size_t next_page(std::size_t keys, std::size_t bytes) {
    if (bytes > kPageBytes) return std::max<std::size_t>(1, keys / 2);
    return bytes < kPageBytes / 4 ? std::min(kMaxPageKeys, 4 * keys) : keys;
}

Bytes probe_request(const std::string& prefix) {
    RangeQuery query;
    query.key = prefix;
    query.keys_only = true;
    return range_request(query);
}

// What a watch cannot get over: history that is gone, and more of it at once than is taken.
bool needs_reload(Code code) {
    return code == Code::kOutOfRange || code == Code::kDataLoss || code == Code::kResourceExhausted;
}

}  // namespace

Result<Listed> list_pages(Members& members, const ListQuery& query) {
    Listed listed;
    listed.revision = query.revision;
    RangeQuery range;
    range.key = fmt::format("{}{}", query.prefix, query.within);
    range.end = end_of_prefix(range.key);
    range.keys_only = query.keys_only;
    if (query.start_after >= query.within && !query.start_after.empty()) {
        range.key = fmt::format("{}{}", query.prefix, query.start_after);
        range.key.push_back('\0');
    }
    std::size_t page = kFirstPageKeys;
    std::size_t bytes = 0;
    for (;;) {
        const std::size_t left = query.limit == 0 ? page : query.limit - listed.items.size();
        range.limit = std::min(page, left);
        range.revision = listed.revision;
        const Result<Bytes> answer = members.read(kRange, range_request(range), kPagePatience);
        if (answer.status().code() == Code::kResourceExhausted && range.limit > 1) {
            page = range.limit / 2;  // large values behind small ones
            continue;
        }
        HF_TRY(answer.status());
        RangeAnswer part = HF_TRY(parse_range(*answer, query.prefix));
        if (listed.revision == 0) listed.revision = part.revision;
        const std::size_t before = bytes;
        for (KeyValue& item : part.items) {
            bytes += item.key.size() + item.value.size();
            listed.items.push_back(std::move(item));
        }
        page = next_page(page, bytes - before);
        if (bytes > kMaxCopyBytes) {
            return resource_exhausted("the store has more than {} bytes; the limit is that",
                                      kMaxCopyBytes);
        }
        listed.more = part.more;
        const bool full = query.limit != 0 && listed.items.size() >= query.limit;
        if (!part.more || part.items.empty() || full) return listed;
        range.key = fmt::format("{}{}", query.prefix, listed.items.back().key);
        range.key.push_back('\0');
    }
}

Feed::Feed(Members& members, Cache& cache, env::Clock& clock, std::string prefix)
    : members_(members), cache_(cache), clock_(clock), prefix_(std::move(prefix)) {}

Feed::~Feed() {
    {
        const MutexLock lock(mutex_);
        stopping_ = true;
    }
    stop_.notify_all();
    if (watcher_.joinable()) watcher_.join();
    if (prober_.joinable()) prober_.join();
}

Status Feed::start() {
    HF_TRY(load());
    reached();
    even_since_ = compared_ = clock_.monotonic();
    watcher_ = std::thread([this] {
        pthread_setname_np(pthread_self(), "hf-etcd-watch");
        watch();
    });
    prober_ = std::thread([this] {
        pthread_setname_np(pthread_self(), "hf-etcd-probe");
        probe();
    });
    return {};
}

void Feed::reached() {
    reached_ = clock_.monotonic().count();
    away_ = false;
}

Duration Feed::staleness() const {
    const Duration since = clock_.monotonic() - Duration(reached_.load());
    // Between two probes nobody knows.
    const bool fresh = !away_ && since < kReadPatience + kProbeInterval;
    return fresh ? Duration::zero() : std::max(since, Duration(1));
}

Status Feed::load() {
    Status last;
    for (int attempt = 0; attempt < kLoadTriesMax; ++attempt) {
        ListQuery all;
        all.prefix = prefix_;
        Result<Listed> listed = list_pages(members_, all);
        if (listed.ok()) {
            cache_.load(std::move(listed->items), ours(listed->revision));
            return {};
        }
        last = listed.status();
        // Compacted between two pages: from the beginning.
        if (last.code() != Code::kOutOfRange) return last;
    }
    return last;
}

Result<Revision> Feed::current() {
    if (away_) {
        return unavailable("etcd does not answer ({}); bring a majority of its members back",
                           members_.names());
    }
    return ask();
}

Result<Revision> Feed::ask() {
    const Result<Bytes> answer = members_.read(kRange, probe_request(prefix_));
    if (!answer.ok()) {
        if (answer.status().code() == Code::kUnavailable) missed();
        return answer.status();
    }
    reached();
    const std::int64_t revision = HF_TRY(header_revision(*answer));
    return ours(revision);
}

bool Feed::pause(Duration time) {
    MutexLock lock(mutex_);
    return !stop_.wait_for(lock, time, [this]() HF_REQUIRES(mutex_) { return stopping_; });
}

bool Feed::stopping() {
    const MutexLock lock(mutex_);
    return stopping_;
}

void Feed::watch() {
    while (!stopping()) {
        if (reload_.exchange(false)) {
            if (!load().ok()) reload_ = true;
        }
        if (!reload_) {
            const Status ended = follow();
            if (needs_reload(ended.code())) {
                reload_ = true;
                continue;
            }
            if (ended.code() == Code::kAborted) continue;  // cut, to go on at once
        }
        if (!pause(kRetryPause)) return;
    }
}

Status Feed::follow() {
    cut_ = false;
    Members::Stream stream;
    stream.method = kWatch;
    stream.message = watch_request(prefix_, cache_.revision(), false);
    stream.each = [this](ByteView message) { return take(message); };
    stream.pulse = [this]() -> Status {
        if (stopping()) return cancelled("the store is closed");
        if (cut_) return aborted("the watch lags");
        return {};
    };
    return members_.stream(stream);
}

Status Feed::take(ByteView bytes) {
    WatchMessage message = HF_TRY(parse_watch(bytes, prefix_));
    if (message.compacted) {
        return out_of_range("the watch begins before what etcd has kept: revision {}",
                            message.compacted->value());
    }
    if (message.cancelled) return unavailable("etcd ended the watch: {}", message.reason);
    cache_.apply(std::move(message.events));
    return {};
}

void Feed::probe() {
    while (pause(kProbeInterval)) look();
}

void Feed::look() {
    const Revision before = cache_.revision();
    const Result<Revision> told = ask();
    if (!told.ok()) return;
    const Revision now = *told;
    const Revision seen = cache_.revision();
    // Once may be a stale read of etcd 3.4; for longer, etcd has been put back to an older state,
    // and what is held here is of a future that does not come.
    backwards_ = now < before ? backwards_ + 1 : 0;
    if (backwards_ >= kBackwardsMax) {
        reload_ = true;
        cut_ = true;
    }
    if (now <= seen) {
        even_since_ = clock_.monotonic();
    } else if (clock_.monotonic() - even_since_ > kMaxWatchLag) {
        const Result<bool> late = behind(seen);
        if (late.ok() && *late) cut_ = true;
        if (late.ok()) even_since_ = clock_.monotonic();
    }
    if (clock_.monotonic() - compared_ < kCompareInterval) return;
    compared_ = clock_.monotonic();
    const Result<bool> same = compare();
    if (!same.ok()) compared_ -= kCompareInterval / 2;  // sooner than usual
}

// Others may write beside this store's prefix: then etcd is ahead, and the watch lacks nothing.
Result<bool> Feed::behind(Revision seen) {
    RangeQuery query;
    query.key = prefix_;
    query.end = end_of_prefix(prefix_);
    query.modified_since = theirs(seen) + 1;
    query.keys_only = true;
    const Bytes answer = HF_TRY(members_.read(kRange, range_request(query)));
    const RangeAnswer changed = HF_TRY(parse_range(answer, prefix_));
    if (cache_.revision() != seen) return false;  // it has gone on meanwhile
    const std::size_t held = cache_.summary().keys.size();
    return !changed.items.empty() || static_cast<std::size_t>(changed.count) != held;
}

Result<bool> Feed::compare() {
    const Cache::Summary held = cache_.summary();
    ListQuery query;
    query.prefix = prefix_;
    query.revision = theirs(held.revision);
    query.keys_only = true;
    const Listed listed = HF_TRY(list_pages(members_, query));
    bool same = listed.items.size() == held.keys.size();
    for (const KeyValue& item : listed.items) {
        const auto at = held.keys.find(item.key);
        same = same && at != held.keys.end() && at->second == item.modified;
    }
    if (same) return true;
    reload_ = true;
    cut_ = true;
    return false;
}

}  // namespace hf::store::etcd
