#include "store/etcd.h"

#include <algorithm>

#include "store/etcd/cache.h"
#include "store/etcd/feed.h"
#include "store/etcd/members.h"
#include "store/etcd/messages.h"
#include "store/transaction.h"

namespace hf::store {
namespace {

using etcd::kRange;
using etcd::kTxn;
using etcd::ours;
using etcd::theirs;

// How long a list waits for the copy to reach what etcd is at, before it asks etcd for all of it.
constexpr Duration kCatchUpPatience = std::chrono::milliseconds(200);
constexpr int kMaxTries = 4;

// Whether a second application of it would be refused: it writes what it compares.
bool refuses_itself(const Transaction& transaction) {
    const auto written = [&](const std::string& key) {
        const auto is_key = [&](const Put& put) { return put.key == key; };
        return std::any_of(transaction.puts.begin(), transaction.puts.end(), is_key);
    };
    return std::any_of(transaction.compares.begin(), transaction.compares.end(),
                       [&](const Compare& compare) { return written(compare.key); });
}

class EtcdStore final : public Store {
public:
    EtcdStore(std::unique_ptr<etcd::Members> members, env::Clock& clock, std::string prefix)
        : clock_(clock),
          prefix_(std::move(prefix)),
          members_(std::move(members)),
          feed_(*members_, cache_, clock, prefix_) {}

    Status open() { return feed_.start(); }

    Revision revision() override { return cache_.revision(); }

    Result<KeyValue> get(std::string_view key) override {
        if (feed_.away()) return cache_.get(key);
        etcd::RangeQuery query;
        query.key = fmt::format("{}{}", prefix_, key);
        const Result<Bytes> answer = read(kRange, etcd::range_request(query));
        if (answer.status().code() == Code::kUnavailable) return cache_.get(key);
        HF_TRY(answer.status());
        etcd::RangeAnswer range = HF_TRY(etcd::parse_range(*answer, prefix_));
        if (range.items.empty()) return not_found("no key '{}'", key);
        return std::move(range.items.front());
    }

    Result<ListResult> list(std::string_view prefix, const ListOptions& options) override {
        if (options.at != Revision{}) return list_at(prefix, options, options.at);
        const Result<Revision> now = feed_.current();
        const bool away = now.status().code() == Code::kUnavailable;
        if (!away) HF_TRY(now.status());
        if (away || cache_.wait_for(*now, kCatchUpPatience)) return cache_.list(prefix, options);
        return list_at(prefix, options, *now);
    }

    Result<Revision> commit(const Transaction& transaction) override {
        HF_TRY(check_transaction(transaction));
        HF_TRY(etcd::check_size(transaction, prefix_));
        const Revision before = cache_.revision();
        const Duration end = clock_.monotonic() + etcd::kWritePatience;
        const Bytes request = etcd::transaction_request(transaction, prefix_);
        const bool repeatable = refuses_itself(transaction);
        bool unsure = false;
        Status last;
        for (int attempt = 0; attempt < kMaxTries; ++attempt) {
            if (!unsure) HF_TRY(writable());
            const Duration left = end - clock_.monotonic();
            if (left <= Duration::zero()) break;
            const etcd::Answer answer = members_->write(kTxn, request, left);
            unsure = unsure || answer.unsure;
            last = answer.value.status();
            if (answer.value.ok()) {
                const auto done = HF_TRY(etcd::parse_transaction(*answer.value, prefix_));
                feed_.reached();
                if (done.succeeded) return settled(done);
                if (!unsure) return lost(transaction, done);
            } else if (!answer.unsure && !unsure) {
                if (last.code() == Code::kUnavailable) feed_.missed();
                return last;
            }
            // It may have happened already, or a first sending of it may have.
            const auto happened = find_out(transaction, before);
            if (happened.ok() && *happened) {
                cache_.wait_for(**happened, kSettlePatience);
                return **happened;
            }
            if (!repeatable || answer.value.ok()) break;
        }
        return deadline_exceeded(
            "etcd did not say in time whether the write was done ({}); read again", last.message());
    }

    Result<std::unique_ptr<Watch>> watch(std::string_view prefix, Revision after,
                                         std::function<void()> on_events) override {
        if (after > cache_.revision()) {
            const Result<Revision> now = feed_.current();
            if (now.status().code() != Code::kUnavailable) {
                HF_TRY(now.status());
                HF_TRY(check_revision(after, *now, Revision{}));
            }
        }
        etcd::Cache::Start start{std::string(prefix), after, {}, Revision{}, std::move(on_events)};
        for (int attempt = 0; attempt < kMaxTries; ++attempt) {
            if (auto watch = cache_.open(start)) return watch;
            HF_TRY(fetch_missed(start));
        }
        return unavailable("changes come faster than the watch of '{}' can begin", prefix);
    }

    Status compact(Revision revision) override {
        HF_TRY(writable());
        const etcd::Answer answer =
            members_->write(etcd::kCompact, etcd::compact_request(revision));
        Status status = answer.value.status();
        // Compacted there already is no error; compacted later is.
        if (status.code() == Code::kOutOfRange) status = readable_at(revision);
        if (status.ok()) cache_.forget_before(revision);
        return status;
    }

    Result<LeaseId> grant(Duration ttl) override {
        if (ttl <= Duration::zero())
            return invalid_argument("a lease needs a time to live above 0");
        HF_TRY(writable());
        const std::int64_t seconds = std::chrono::ceil<std::chrono::seconds>(ttl).count();
        // One that is granted and not heard of ends by itself.
        const Bytes answer = HF_TRY(read(etcd::kLeaseGrant, etcd::grant_request(seconds)));
        const etcd::LeaseAnswer granted = HF_TRY(etcd::parse_lease(answer));
        if (granted.lease == LeaseId{}) return data_loss("etcd granted a lease without a number");
        return granted.lease;
    }

    Status keep_alive(LeaseId lease) override {
        HF_TRY(writable());
        const Bytes answer = HF_TRY(read(etcd::kLeaseKeepAlive, etcd::lease_request(lease)));
        const etcd::LeaseAnswer kept = HF_TRY(etcd::parse_lease(answer));
        if (kept.seconds > 0) return {};
        return not_found("lease {} has ended; ask for a new one", lease.value());
    }

    Status revoke(LeaseId lease) override {
        HF_TRY(writable());
        const Result<Bytes> answer = read(etcd::kLeaseRevoke, etcd::lease_request(lease));
        if (answer.status().code() == Code::kNotFound) return {};
        HF_TRY(answer.status());
        const std::int64_t at = HF_TRY(etcd::header_revision(*answer));
        cache_.wait_for(ours(at), kSettlePatience);
        return {};
    }

    Status expire_leases() override { return {}; }  // etcd does

    Duration staleness() override { return feed_.staleness(); }

private:
    Status writable() {
        if (!feed_.away()) return {};
        return unavailable(
            "etcd does not answer ({}), and nothing can be written until a majority of its members "
            "is back; what is read is {} s old",
            members_->names(),
            std::chrono::duration_cast<std::chrono::seconds>(feed_.staleness()).count());
    }

    Result<Bytes> read(std::string_view method, Bytes message) {
        Result<Bytes> answer = members_->read(method, std::move(message));
        if (answer.ok()) feed_.reached();
        if (answer.status().code() == Code::kUnavailable) feed_.missed();
        return answer;
    }

    Status readable_at(Revision revision) {
        etcd::RangeQuery query;
        query.key = prefix_;
        query.revision = theirs(revision);
        query.keys_only = true;
        const Status status = read(kRange, etcd::range_request(query)).status();
        if (status.code() != Code::kOutOfRange) return status;
        return out_of_range("revision {} is not there: {}", revision.value(), status.message());
    }

    Result<ListResult> list_at(std::string_view prefix, const ListOptions& options, Revision at) {
        if (feed_.away()) return cache_at(prefix, options, at);
        etcd::ListQuery query{prefix_, prefix, options.start_after, options.limit, theirs(at)};
        Result<etcd::Listed> listed = etcd::list_pages(*members_, query);
        if (listed.status().code() == Code::kUnavailable) return cache_at(prefix, options, at);
        if (listed.status().code() == Code::kOutOfRange) {
            return out_of_range("revision {} is not there: {}", at.value(),
                                listed.status().message());
        }
        HF_TRY(listed.status());
        return ListResult{std::move(listed->items), at, listed->more};
    }

    Result<ListResult> cache_at(std::string_view prefix, const ListOptions& options, Revision at) {
        ListResult held = cache_.list(prefix, options);
        if (held.revision == at) return held;
        return unavailable("etcd does not answer ({}), and the copy here is at revision {}, not {}",
                           members_->names(), held.revision.value(), at.value());
    }

    Revision settled(const etcd::TransactionAnswer& done) {
        if (done.changed) cache_.wait_for(done.revision, kSettlePatience);
        return done.revision;
    }

    static Status lost(const Transaction& transaction, const etcd::TransactionAnswer& read) {
        for (std::size_t i = 0; i < read.compared.size() && i < transaction.compares.size(); ++i) {
            const Compare& compare = transaction.compares[i];
            const Revision now = read.compared[i] ? read.compared[i]->modified : Revision{};
            if (now == compare.modified) continue;
            return aborted("'{}' is at revision {}, not {}; read it again", compare.key,
                           now.value(), compare.modified.value());
        }
        return aborted("a compared key has changed; read it again");
    }

    // Whether a write whose answer was lost has happened, as far as can be seen.
    Result<std::optional<Revision>> find_out(const Transaction& transaction, Revision before) {
        if (transaction.puts.empty()) return std::optional<Revision>();
        const Bytes answer = HF_TRY(read(kTxn, etcd::read_back_request(transaction, prefix_)));
        const auto parsed = HF_TRY(etcd::parse_transaction(answer, prefix_));
        return etcd::happened_at(transaction, parsed, before);
    }

    // What happened between where the watch begins and where the copy's history does, from etcd.
    Status fetch_missed(etcd::Cache::Start& start) {
        HF_TRY(readable_at(std::max(start.after, start.missed_to)));
        const Revision to = cache_.revision();
        etcd::Members::Stream stream;
        stream.method = etcd::kWatch;
        stream.message = etcd::watch_request(prefix_, std::max(start.after, start.missed_to), true);
        stream.each = [&](ByteView bytes) -> Status {
            etcd::WatchMessage message = HF_TRY(etcd::parse_watch(bytes, prefix_));
            if (message.compacted) return out_of_range("history was compacted; list again");
            if (message.cancelled) return unavailable("etcd: {}", message.reason);
            for (Event& event : message.events) {
                start.missed_to = std::max(start.missed_to, event.now.modified);
                if (!event.now.key.starts_with(start.prefix)) continue;
                if (event.previous) event.now.created = event.previous->created;
                start.missed.push_back(std::move(event));
            }
            // One more than a watch may queue is enough to end it as fallen behind.
            const bool enough = start.missed_to >= to || start.missed.size() > kMaxQueuedEvents;
            return enough ? aborted("enough") : Status();
        };
        const Duration end = clock_.monotonic() + etcd::kReadPatience;
        stream.pulse = [&]() -> Status {
            if (clock_.monotonic() <= end) return {};
            return unavailable("etcd did not send the missed changes in time");
        };
        const Status ended = members_->stream(stream);
        if (ended.code() != Code::kAborted) return ended;
        start.missed_to = std::max(start.missed_to, to);
        return {};
    }

    env::Clock& clock_;
    const std::string prefix_;
    const std::unique_ptr<etcd::Members> members_;
    etcd::Cache cache_;
    etcd::Feed feed_;  // feeds the cache: ends first
};

}  // namespace

Result<std::unique_ptr<Store>> open_etcd_store(EtcdOptions options, env::Clock& clock) {
    etcd::MembersOptions members;
    members.tls = !options.ca_pem.empty() || !options.certificate_pem.empty();
    if (!members.tls && !options.address.is_loopback()) {
        return invalid_argument(
            "etcd at another machine is spoken to over TLS only, because the store holds what "
            "lets machines and people in: name its authority (--store-ca) and a client "
            "certificate (--store-cert, --store-key)");
    }
    if (options.certificate_pem.empty() != options.key_pem.empty()) {
        return invalid_argument("a client certificate and its key come together");
    }
    members.endpoints = options.address.endpoints;
    members.ca_pem = std::move(options.ca_pem);
    members.certificate_pem = std::move(options.certificate_pem);
    members.key_pem = std::move(options.key_pem);
    auto reached = HF_TRY(etcd::Members::create(std::move(members), clock));
    auto store =
        std::make_unique<EtcdStore>(std::move(reached), clock, std::move(options.address.prefix));
    HF_TRY(store->open());
    return std::unique_ptr<Store>(std::move(store));
}

}  // namespace hf::store
