// The messages of etcd's v3 API, as gRPC carries them.
//
// Revisions: an empty etcd is at 1 and an empty Store at 0, so ours are one less. Keys: all of a
// store lie under one prefix that ends in "/" and is cut off again here.
//
// Pure. Errors: DATA_LOSS for an answer that is not what the API says; what a member refuses comes
// back under its own code. Source: etcd 3.4, etcdserver/etcdserverpb/rpc.proto and
// mvcc/mvccpb/kv.proto.

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "store/store.h"

namespace hf::store::etcd {

// The methods, as paths.
inline constexpr std::string_view kRange = "/etcdserverpb.KV/Range";
inline constexpr std::string_view kTxn = "/etcdserverpb.KV/Txn";
inline constexpr std::string_view kCompact = "/etcdserverpb.KV/Compact";
inline constexpr std::string_view kWatch = "/etcdserverpb.Watch/Watch";
inline constexpr std::string_view kLeaseGrant = "/etcdserverpb.Lease/LeaseGrant";
inline constexpr std::string_view kLeaseKeepAlive = "/etcdserverpb.Lease/LeaseKeepAlive";
inline constexpr std::string_view kLeaseRevoke = "/etcdserverpb.Lease/LeaseRevoke";

// One page of keys never asks for more than this at a time; see kMaxAnswerBytes in members.h.
inline constexpr std::size_t kMaxPageKeys = 500;

// etcd's own limit of a request is 1.5 MiB (--max-request-bytes); this leaves room for its framing.
inline constexpr std::size_t kMaxTransactionBytes = (1536u - 16u) << 10;

std::int64_t theirs(Revision revision);
Revision ours(std::int64_t revision);

// RESOURCE_EXHAUSTED when keys and values together are more than etcd takes in one request.
Status check_size(const Transaction& transaction, std::string_view prefix);

struct RangeQuery {
    std::string key;  // with the prefix
    std::string end;  // empty: that key alone
    std::int64_t revision = 0;
    std::size_t limit = 0;
    std::int64_t modified_since = 0;  // theirs
    bool keys_only = false;
};
Bytes range_request(const RangeQuery& query);

struct RangeAnswer {
    std::vector<KeyValue> items;
    std::int64_t revision = 0;  // theirs, of the store
    std::int64_t count = 0;     // of all keys in the range, the limit left aside
    bool more = false;
};
Result<RangeAnswer> parse_range(ByteView answer, std::string_view prefix);

// A transaction; where its compares fail, what the compared keys are instead is read.
Bytes transaction_request(const Transaction& transaction, std::string_view prefix);

struct TransactionAnswer {
    bool succeeded = false;
    bool changed = false;
    Revision revision;
    std::vector<std::optional<KeyValue>> compared;  // one a compare, when it did not succeed
};
Result<TransactionAnswer> parse_transaction(ByteView answer, std::string_view prefix);

// Reads the keys that a transaction writes, in one revision: its puts, then its removes.
Bytes read_back_request(const Transaction& transaction, std::string_view prefix);

// The revision at which this transaction has happened, when what was read back shows that: every
// put is there as it was written, all of one revision later than `before`, and nothing that it
// removes. REQUIRES: it has a put.
std::optional<Revision> happened_at(const Transaction& transaction, const TransactionAnswer& read,
                                    Revision before);

Bytes compact_request(Revision revision);

Bytes watch_request(std::string_view prefix, Revision after, bool previous);

struct WatchMessage {
    Revision revision;  // of the store when this was sent
    bool cancelled = false;
    std::optional<Revision> compacted;  // what the watch asked for is older than this
    std::string reason;
    std::vector<Event> events;
};
Result<WatchMessage> parse_watch(ByteView message, std::string_view prefix);

Bytes grant_request(std::int64_t seconds);
Bytes lease_request(LeaseId lease);  // to keep it alive, and to revoke it

struct LeaseAnswer {
    LeaseId lease;
    std::int64_t seconds = 0;  // that it has left
};
Result<LeaseAnswer> parse_lease(ByteView answer);

// The store's revision, of any answer.
Result<std::int64_t> header_revision(ByteView answer);

// What a member's refusal means here.
Status refusal(const Status& status);

}  // namespace hf::store::etcd
