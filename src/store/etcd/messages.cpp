#include "store/etcd/messages.h"

#include <algorithm>

#include "base/protobuf.h"
#include "base/text.h"
#include "store/transaction.h"

namespace hf::store::etcd {
namespace {

using Writer = protozero::pbf_writer;
using Field = protozero::pbf_reader;
using protobuf::view_of;

// Numbers of fields that several messages have, and of the enumerations' values.
constexpr std::uint32_t kHeader = 1;
constexpr std::uint32_t kRequestRange = 1, kRequestPut = 2, kRequestDeleteRange = 3;
constexpr std::int32_t kEqual = 0, kTargetMod = 2;
constexpr std::int32_t kEventDelete = 1;
constexpr std::uint32_t kDeleted = 2;

std::string full(std::string_view prefix, std::string_view key) {
    std::string text(prefix);
    text += key;
    return text;
}

std::string text_of(Field& field) {
    return std::string(as_text(view_of(field)));
}

// Reads a message of etcd's; `read` skips what it does not know.
template <typename Read>
Status read_message(ByteView message, std::string_view what, Read read) {
    const Status status =
        protobuf::read_fields(message, [&](Field& field) -> Status { return read(field); });
    if (status.code() != Code::kInvalidArgument) return status;
    return data_loss("etcd's {}: {}", what, status.message());
}

// The number in one field of a message; 0 without it.
Result<std::int64_t> number_in(ByteView message, std::uint32_t number) {
    std::int64_t value = 0;
    HF_TRY(read_message(message, "answer", [&](Field& field) -> Status {
        if (field.tag() == number) {
            value = field.get_int64();
        } else {
            field.skip();
        }
        return {};
    }));
    return value;
}

Result<std::int64_t> revision_in(ByteView header) {
    return number_in(header, 3);
}

Result<KeyValue> key_value(ByteView message, std::string_view prefix) {
    KeyValue item;
    HF_TRY(read_message(message, "key", [&](Field& field) -> Status {
        switch (field.tag()) {
            case 1: item.key = text_of(field); break;
            case 2: item.created = ours(field.get_int64()); break;
            case 3: item.modified = ours(field.get_int64()); break;
            case 5: item.value = text_of(field); break;
            case 6: item.lease = LeaseId{field.get_int64()}; break;
            default: field.skip();
        }
        return {};
    }));
    if (!item.key.starts_with(prefix)) {
        return data_loss("etcd's answer has the key '{}', which is not below '{}'", item.key,
                         prefix);
    }
    item.key.erase(0, prefix.size());
    return item;
}

void add_range(Writer& operations, std::uint32_t number, std::string_view prefix,
               std::string_view key) {
    Writer operation(operations, number);
    Writer range(operation, kRequestRange);
    range.add_bytes(1, full(prefix, key));
}

// The keys of a RangeResponse, of which a transaction has several.
Result<RangeAnswer> ranged(ByteView message, std::string_view prefix) {
    RangeAnswer range;
    HF_TRY(read_message(message, "answer", [&](Field& field) -> Status {
        switch (field.tag()) {
            case kHeader: range.revision = HF_TRY(revision_in(view_of(field))); break;
            case 2: {
                KeyValue item = HF_TRY(key_value(view_of(field), prefix));
                range.items.push_back(std::move(item));
                break;
            }
            case 3: range.more = protobuf::bool_of(field); break;
            case 4: range.count = field.get_int64(); break;
            default: field.skip();
        }
        return {};
    }));
    return range;
}

// One of a transaction's answers, into what is made of all.
Status add_operation(ByteView message, std::string_view prefix, TransactionAnswer& to) {
    return read_message(message, "answer", [&](Field& field) -> Status {
        switch (field.tag()) {
            case kRequestRange: {
                RangeAnswer now = HF_TRY(ranged(view_of(field), prefix));
                to.compared.emplace_back();
                if (!now.items.empty()) to.compared.back() = std::move(now.items.front());
                break;
            }
            case kRequestPut:
                to.changed = true;
                field.skip();
                break;
            case kRequestDeleteRange: {
                const std::int64_t deleted = HF_TRY(number_in(view_of(field), kDeleted));
                to.changed = to.changed || deleted > 0;
                break;
            }
            default: field.skip();
        }
        return {};
    });
}

Result<Event> event_of(ByteView message, std::string_view prefix) {
    Event event;
    bool has_key = false;
    HF_TRY(read_message(message, "watch", [&](Field& field) -> Status {
        switch (field.tag()) {
            case 1:
                if (field.get_enum() == kEventDelete) event.kind = Event::Kind::kRemove;
                break;
            case 2:
                event.now = HF_TRY(key_value(view_of(field), prefix));
                has_key = true;
                break;
            case 3: event.previous = HF_TRY(key_value(view_of(field), prefix)); break;
            default: field.skip();
        }
        return {};
    }));
    if (!has_key) return data_loss("etcd's watch sent an event without a key");
    return event;
}

}  // namespace

std::int64_t theirs(Revision revision) {
    return revision.value() + 1;
}

Revision ours(std::int64_t revision) {
    return Revision{std::max<std::int64_t>(revision, 1) - 1};
}

Status check_size(const Transaction& transaction, std::string_view prefix) {
    std::size_t bytes = 0;
    const auto count = [&](std::size_t key, std::size_t value) {
        constexpr std::size_t kFraming = 32;
        bytes += prefix.size() + key + value + kFraming;
    };
    // A failing compare reads its key, which is part of the request too.
    for (const Compare& compare : transaction.compares) count(2 * compare.key.size(), 0);
    for (const Put& put : transaction.puts) count(put.key.size(), put.value.size());
    for (const std::string& key : transaction.removes) count(key.size(), 0);
    if (bytes <= kMaxTransactionBytes) return {};
    return resource_exhausted(
        "a transaction of {} bytes; etcd takes {} in one request: write in smaller parts", bytes,
        kMaxTransactionBytes);
}

Bytes range_request(const RangeQuery& query) {
    std::string message;
    Writer to(message);
    to.add_bytes(1, query.key);
    if (!query.end.empty()) to.add_bytes(2, query.end);
    if (query.limit != 0) to.add_int64(3, static_cast<std::int64_t>(query.limit));
    if (query.revision != 0) to.add_int64(4, query.revision);
    if (query.keys_only) to.add_bool(8, true);
    if (query.modified_since != 0) to.add_int64(10, query.modified_since);
    return to_bytes(message);
}

Result<RangeAnswer> parse_range(ByteView answer, std::string_view prefix) {
    RangeAnswer range = HF_TRY(ranged(answer, prefix));
    if (range.revision == 0) return data_loss("etcd's answer has no revision");
    return range;
}

Bytes transaction_request(const Transaction& transaction, std::string_view prefix) {
    constexpr std::uint32_t kCompare = 1, kSuccess = 2, kFailure = 3;
    std::string message;
    Writer to(message);
    for (const Compare& each : transaction.compares) {
        Writer compare(to, kCompare);
        compare.add_enum(1, kEqual);
        compare.add_enum(2, kTargetMod);
        compare.add_bytes(3, full(prefix, each.key));
        // "Must not exist" is revision 0 for both; see theirs().
        compare.add_int64(6, each.modified == Revision{} ? 0 : theirs(each.modified));
    }
    for (const Put& each : transaction.puts) {
        Writer operation(to, kSuccess);
        Writer put(operation, kRequestPut);
        put.add_bytes(1, full(prefix, each.key));
        put.add_bytes(2, each.value);
        if (each.lease != LeaseId{}) put.add_int64(3, each.lease.value());
    }
    for (const std::string& key : transaction.removes) {
        Writer operation(to, kSuccess);
        Writer(operation, kRequestDeleteRange).add_bytes(1, full(prefix, key));
    }
    for (const Compare& each : transaction.compares) add_range(to, kFailure, prefix, each.key);
    return to_bytes(message);
}

Result<TransactionAnswer> parse_transaction(ByteView answer, std::string_view prefix) {
    TransactionAnswer parsed;
    std::int64_t revision = 0;
    HF_TRY(read_message(answer, "answer", [&](Field& field) -> Status {
        switch (field.tag()) {
            case kHeader: revision = HF_TRY(revision_in(view_of(field))); break;
            case 2: parsed.succeeded = protobuf::bool_of(field); break;
            case 3: HF_TRY(add_operation(view_of(field), prefix, parsed)); break;
            default: field.skip();
        }
        return {};
    }));
    if (revision == 0) return data_loss("etcd's answer has no revision");
    parsed.revision = ours(revision);
    return parsed;
}

Bytes read_back_request(const Transaction& transaction, std::string_view prefix) {
    constexpr std::uint32_t kSuccess = 2;
    std::string message;
    Writer to(message);
    for (const Put& put : transaction.puts) add_range(to, kSuccess, prefix, put.key);
    for (const std::string& key : transaction.removes) add_range(to, kSuccess, prefix, key);
    return to_bytes(message);
}

std::optional<Revision> happened_at(const Transaction& transaction, const TransactionAnswer& read,
                                    Revision before) {
    const std::size_t puts = transaction.puts.size();
    if (read.compared.size() != puts + transaction.removes.size()) return std::nullopt;
    std::optional<Revision> at;
    for (std::size_t i = 0; i < read.compared.size(); ++i) {
        const std::optional<KeyValue>& now = read.compared[i];
        if (i >= puts) {
            if (now) return std::nullopt;
            continue;
        }
        const Put& put = transaction.puts[i];
        const bool ours = now && now->value == put.value && now->lease == put.lease &&
                          now->modified > before && (!at || *at == now->modified);
        if (!ours) return std::nullopt;
        at = now->modified;
    }
    return at;
}

Bytes compact_request(Revision revision) {
    std::string message;
    Writer(message).add_int64(1, theirs(revision));
    return to_bytes(message);
}

Bytes watch_request(std::string_view prefix, Revision after, bool previous) {
    constexpr std::uint32_t kCreateRequest = 1;
    std::string end(prefix);
    end.back() = static_cast<char>(end.back() + 1);  // a prefix ends in "/"
    std::string message;
    {
        Writer to(message);
        Writer create(to, kCreateRequest);
        create.add_bytes(1, prefix.data(), prefix.size());
        create.add_bytes(2, end);
        create.add_int64(3, theirs(after) + 1);
        create.add_bool(4, true);  // tell of progress
        if (previous) create.add_bool(6, true);
    }
    return to_bytes(message);
}

Result<WatchMessage> parse_watch(ByteView message, std::string_view prefix) {
    WatchMessage parsed;
    HF_TRY(read_message(message, "watch", [&](Field& field) -> Status {
        switch (field.tag()) {
            case kHeader: {
                const std::int64_t revision = HF_TRY(revision_in(view_of(field)));
                parsed.revision = ours(revision);
                break;
            }
            case 4: parsed.cancelled = protobuf::bool_of(field); break;
            case 5:
                if (const std::int64_t revision = field.get_int64(); revision != 0) {
                    parsed.compacted = ours(revision);
                }
                break;
            case 6: parsed.reason = text_of(field); break;
            case 11: {
                Event event = HF_TRY(event_of(view_of(field), prefix));
                parsed.events.push_back(std::move(event));
                break;
            }
            default: field.skip();
        }
        return {};
    }));
    return parsed;
}

Bytes grant_request(std::int64_t seconds) {
    std::string message;
    Writer(message).add_int64(1, seconds);
    return to_bytes(message);
}

Bytes lease_request(LeaseId lease) {
    std::string message;
    Writer(message).add_int64(1, lease.value());
    return to_bytes(message);
}

Result<LeaseAnswer> parse_lease(ByteView answer) {
    LeaseAnswer parsed;
    HF_TRY(read_message(answer, "answer", [&](Field& field) -> Status {
        switch (field.tag()) {
            case 2: parsed.lease = LeaseId{field.get_int64()}; break;
            case 3: parsed.seconds = field.get_int64(); break;
            default: field.skip();
        }
        return {};
    }));
    return parsed;
}

Result<std::int64_t> header_revision(ByteView answer) {
    std::int64_t revision = 0;
    HF_TRY(read_message(answer, "answer", [&](Field& field) -> Status {
        if (field.tag() == kHeader) {
            revision = HF_TRY(revision_in(view_of(field)));
        } else {
            field.skip();
        }
        return {};
    }));
    return revision;
}

Status refusal(const Status& status) {
    if (status.message().find("database space exceeded") == std::string_view::npos) return status;
    return resource_exhausted(
        "{}{}: the quota of etcd is used up; compact, defragment and disarm the alarm (etcdctl "
        "defrag, etcdctl alarm disarm)",
        kNoRoom, status.message());
}

}  // namespace hf::store::etcd
