#include "store/etcd/messages.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/text.h"
#include "store/transaction.h"

namespace hf::store::etcd {
namespace {

std::string encoded(std::string_view bytes) {
    return to_base64(as_bytes(bytes));
}

std::string full(std::string_view prefix, std::string_view key) {
    std::string text(prefix);
    text += key;
    return text;
}

Result<std::string> bytes_at(const json::Value& value, std::string_view key) {
    const Result<Bytes> bytes = from_base64(json::get_string(value, key));
    if (!bytes.ok()) return data_loss("etcd's answer: '{}' is not base64", key);
    return std::string(as_text(*bytes));
}

Result<KeyValue> key_value(const json::Value& value, std::string_view prefix) {
    KeyValue item;
    item.key = HF_TRY(bytes_at(value, "key"));
    if (!item.key.starts_with(prefix)) {
        return data_loss("etcd's answer has the key '{}', which is not below '{}'", item.key,
                         prefix);
    }
    item.key.erase(0, prefix.size());
    item.value = HF_TRY(bytes_at(value, "value"));
    item.created = ours(integer(value, "create_revision"));
    item.modified = ours(integer(value, "mod_revision"));
    item.lease = LeaseId{integer(value, "lease")};
    return item;
}

Result<std::vector<KeyValue>> key_values(const json::Value& answer, std::string_view prefix) {
    std::vector<KeyValue> items;
    const json::Array* list = json::find_array(answer, "kvs");
    if (!list) return items;
    items.reserve(list->size());
    for (const json::Value& each : *list) {
        KeyValue item = HF_TRY(key_value(each, prefix));
        items.push_back(std::move(item));
    }
    return items;
}

json::Object range_of(std::string_view prefix, std::string_view key) {
    return {{"request_range", json::Object{{"key", encoded(full(prefix, key))}}}};
}

Result<std::vector<KeyValue>> ranged(const json::Value& response, std::string_view prefix) {
    const json::Value* range = json::find(response, "response_range");
    if (!range) return data_loss("etcd's answer to a transaction lacks a range");
    std::vector<KeyValue> items = HF_TRY(key_values(*range, prefix));
    return items;
}

Result<Event> event_of(const json::Value& value, std::string_view prefix) {
    const json::Value* now = json::find(value, "kv");
    if (!now) return data_loss("etcd's watch sent an event without a key");
    Event event;
    event.now = HF_TRY(key_value(*now, prefix));
    if (json::get_string(value, "type") == "DELETE") event.kind = Event::Kind::kRemove;
    if (const json::Value* previous = json::find(value, "prev_kv")) {
        event.previous = HF_TRY(key_value(*previous, prefix));
    }
    return event;
}

}  // namespace

std::int64_t theirs(Revision revision) {
    return revision.value() + 1;
}

Revision ours(std::int64_t revision) {
    return Revision{std::max<std::int64_t>(revision, 1) - 1};
}

std::int64_t integer(const json::Value& value, std::string_view key) {
    const json::Value* at = json::find(value, key);
    if (!at) return 0;
    if (!at->is_string()) return json::get_int(value, key);
    return parse_int(json::as_view(at->get_string())).value_or(0);
}

std::int64_t header_revision(const json::Value& answer) {
    const json::Value* header = json::find(answer, "header");
    return header ? integer(*header, "revision") : 0;
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

json::Object range_request(const RangeQuery& query) {
    json::Object request{{"key", encoded(query.key)}};
    if (!query.end.empty()) request["range_end"] = encoded(query.end);
    if (query.revision != 0) request["revision"] = fmt::to_string(query.revision);
    if (query.limit != 0) request["limit"] = fmt::to_string(query.limit);
    if (query.modified_since != 0) {
        request["min_mod_revision"] = fmt::to_string(query.modified_since);
    }
    if (query.keys_only) request["keys_only"] = true;
    return request;
}

Result<RangeAnswer> parse_range(const json::Value& answer, std::string_view prefix) {
    RangeAnswer range;
    range.items = HF_TRY(key_values(answer, prefix));
    range.revision = header_revision(answer);
    range.count = integer(answer, "count");
    range.more = json::get_bool(answer, "more");
    if (range.revision == 0) return data_loss("etcd's answer has no revision");
    return range;
}

json::Object transaction_request(const Transaction& transaction, std::string_view prefix) {
    json::Array compares, success, failure;
    for (const Compare& compare : transaction.compares) {
        // "Must not exist" is revision 0 for both; see theirs().
        const std::int64_t modified = compare.modified == Revision{} ? 0 : theirs(compare.modified);
        compares.push_back(json::Object{{"target", "MOD"},
                                        {"result", "EQUAL"},
                                        {"key", encoded(full(prefix, compare.key))},
                                        {"mod_revision", fmt::to_string(modified)}});
        failure.push_back(range_of(prefix, compare.key));
    }
    for (const Put& put : transaction.puts) {
        json::Object fields{{"key", encoded(full(prefix, put.key))}, {"value", encoded(put.value)}};
        if (put.lease != LeaseId{}) fields["lease"] = fmt::to_string(put.lease.value());
        success.push_back(json::Object{{"request_put", std::move(fields)}});
    }
    for (const std::string& key : transaction.removes) {
        json::Object fields{{"key", encoded(full(prefix, key))}};
        success.push_back(json::Object{{"request_delete_range", std::move(fields)}});
    }
    return {{"compare", std::move(compares)},
            {"success", std::move(success)},
            {"failure", std::move(failure)}};
}

Result<TransactionAnswer> parse_transaction(const json::Value& answer, std::string_view prefix) {
    TransactionAnswer parsed;
    const std::int64_t revision = header_revision(answer);
    if (revision == 0) return data_loss("etcd's answer has no revision");
    parsed.revision = ours(revision);
    parsed.succeeded = json::get_bool(answer, "succeeded");
    const json::Array* responses = json::find_array(answer, "responses");
    if (!responses) return parsed;
    for (const json::Value& response : *responses) {
        if (json::find(response, "response_put")) parsed.changed = true;
        if (const json::Value* removed = json::find(response, "response_delete_range")) {
            parsed.changed = parsed.changed || integer(*removed, "deleted") > 0;
        }
        if (json::find(response, "response_range")) {
            std::vector<KeyValue> now = HF_TRY(ranged(response, prefix));
            parsed.compared.emplace_back();
            if (!now.empty()) parsed.compared.back() = std::move(now.front());
        }
    }
    return parsed;
}

json::Object read_back_request(const Transaction& transaction, std::string_view prefix) {
    json::Array reads;
    for (const Put& put : transaction.puts) reads.push_back(range_of(prefix, put.key));
    for (const std::string& key : transaction.removes) reads.push_back(range_of(prefix, key));
    return {{"success", std::move(reads)}};
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

json::Object watch_request(std::string_view prefix, Revision after, bool previous) {
    std::string end(prefix);
    end.back() = static_cast<char>(end.back() + 1);  // a prefix ends in "/"
    json::Object create{{"key", encoded(prefix)},
                        {"range_end", encoded(end)},
                        {"start_revision", fmt::to_string(theirs(after) + 1)},
                        {"progress_notify", true}};
    if (previous) create["prev_kv"] = true;
    return {{"create_request", std::move(create)}};
}

Result<WatchMessage> parse_watch(std::string_view line, std::string_view prefix) {
    constexpr std::size_t kMaxLineBytes = 64u << 20;
    const json::Value value = HF_TRY(json::parse(line, kMaxLineBytes).context("etcd's watch"));
    if (const json::Value* error = json::find(value, "error")) {
        return unavailable("etcd ended the watch: {}", json::get_string(*error, "message"));
    }
    const json::Value* result = json::find(value, "result");
    if (!result) return data_loss("etcd's watch sent what is neither a result nor an error");
    WatchMessage message;
    message.revision = ours(header_revision(*result));
    message.cancelled = json::get_bool(*result, "canceled");
    message.reason = json::get_string(*result, "cancel_reason");
    if (const std::int64_t compacted = integer(*result, "compact_revision"); compacted != 0) {
        message.compacted = ours(compacted);
    }
    if (const json::Array* events = json::find_array(*result, "events")) {
        for (const json::Value& each : *events) {
            Event event = HF_TRY(event_of(each, prefix));
            message.events.push_back(std::move(event));
        }
    }
    return message;
}

Status refusal(int status, std::string_view body) {
    const json::Value answer = json::parse(body).value_or(json::Value());
    std::string_view message = json::get_string(answer, "message");
    if (message.empty()) message = json::get_string(answer, "error");
    const std::int64_t code = json::get_int(answer, "code", -1);
    if (code < 1 || code > 16) {
        return unavailable("etcd answered HTTP {} {}: is this etcd's client URL?", status, message);
    }
    if (message.find("database space exceeded") != std::string_view::npos) {
        return resource_exhausted(
            "{}{}: the quota of etcd is used up; compact, defragment and disarm the alarm (etcdctl "
            "defrag, etcdctl alarm disarm)",
            kNoRoom, message);
    }
    return Status(static_cast<Code>(code), std::string(message));
}

}  // namespace hf::store::etcd
