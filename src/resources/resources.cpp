#include "resources/resources.h"

#include "base/bytes.h"
#include "base/text.h"
#include "resources/write.h"

namespace hf::resources {
namespace {

using api::Object;

// Where a list goes on: the revision it shows, and the last key it gave.
struct Continuation {
    store::Revision at;
    std::string after;
};

std::string encode_token(const Continuation& continuation) {
    const json::Value value =
        json::Object{{"rv", continuation.at.value()}, {"after", continuation.after}};
    return to_base64(as_bytes(json::write(value)));
}

Result<Continuation> decode_token(std::string_view token, std::string_view prefix) {
    const auto refused = [] {
        return invalid_argument("continue key is not valid: give back the one that the list gave");
    };
    const Result<Bytes> bytes = from_base64(token);
    if (!bytes.ok()) return refused();
    const Result<json::Value> value = json::parse(as_text(*bytes));
    if (!value.ok()) return refused();
    const Continuation continuation{store::Revision(json::get_int(*value, "rv")),
                                    std::string(json::get_string(*value, "after"))};
    const bool fits = continuation.at.value() > 0 && continuation.after.starts_with(prefix);
    if (!fits) return refused();
    return continuation;
}

Status too_old(const Status& status) {
    if (status.code() != Code::kOutOfRange) return status;
    return out_of_range("The resourceVersion is too old: list again ({})", status.message());
}

// Who asks for one object by its name is not shown the keys of all others.
std::string prefix_for(const api::Kind& kind, std::string_view ns,
                       const api::Selection& selection) {
    std::string prefix = store_prefix(kind, ns);
    if (!kind.namespaced || !ns.empty()) prefix += selection.fields.name();
    return prefix;
}

}  // namespace

Resources::Resources(store::Store& store, env::Clock& clock, env::Entropy& entropy)
    : store_(store), clock_(clock), entropy_(entropy) {}

std::string Resources::random_hex(std::size_t size) {
    Bytes bytes(size);
    entropy_.fill(bytes);
    return to_hex(bytes);
}

// RFC 9562, version 4.
std::string Resources::make_uid() {
    Bytes bytes(16);
    entropy_.fill(bytes);
    bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0F) | 0x40);
    bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3F) | 0x80);
    const std::string hex = to_hex(bytes);
    return fmt::format("{}-{}-{}-{}-{}", hex.substr(0, 8), hex.substr(8, 4), hex.substr(12, 4),
                       hex.substr(16, 4), hex.substr(20));
}

Result<Object> Resources::get(const ObjectKey& key) {
    const Result<store::KeyValue> stored = store_.get(store_key(key));
    if (stored.status().code() == Code::kNotFound) return not_there(*key.kind, key.name);
    HF_TRY(stored.status());
    return decode(*stored);
}

Result<ObjectList> Resources::list(const api::Kind& kind, std::string_view ns,
                                   const ListOptions& options) {
    constexpr std::size_t kChunk = 500;
    const std::string prefix = prefix_for(kind, ns, options.selection);
    store::ListOptions from{"", options.limit > 0 ? kChunk : 0, options.at};
    if (!options.continue_token.empty()) {
        const Continuation continuation = HF_TRY(decode_token(options.continue_token, prefix));
        from.start_after = continuation.after;
        from.at = continuation.at;
    }
    ObjectList result;
    for (;;) {
        const Result<store::ListResult> chunk = store_.list(prefix, from);
        if (!chunk.ok()) return too_old(chunk.status());
        from.at = chunk->revision;
        result.resource_version = std::to_string(chunk->revision.value());
        for (std::size_t i = 0; i < chunk->items.size(); ++i) {
            Object object = HF_TRY(decode(chunk->items[i]));
            if (!options.selection.matches(object)) continue;
            result.items.push_back(std::move(object));
            const bool last = i + 1 == chunk->items.size() && !chunk->more;
            if (result.items.size() != options.limit || last) continue;
            result.continue_token = encode_token({chunk->revision, chunk->items[i].key});
            return result;
        }
        if (!chunk->more) return result;
        from.start_after = chunk->items.back().key;
    }
}

Result<std::unique_ptr<ObjectWatch>> Resources::watch(const api::Kind& kind, std::string_view ns,
                                                      const WatchOptions& options) {
    std::vector<WatchEvent> initial;
    store::Revision after{0};
    if (options.after) {
        after = *options.after;
    } else {
        ListOptions all;
        all.selection = options.selection;
        ObjectList now = HF_TRY(list(kind, ns, all));
        after = HF_TRY(parse_resource_version(now.resource_version));
        for (Object& object : now.items)
            initial.push_back({WatchEvent::Type::kAdded, std::move(object)});
    }
    Result<std::unique_ptr<store::Watch>> watch =
        store_.watch(prefix_for(kind, ns, options.selection), after, options.on_events);
    if (!watch.ok()) return too_old(watch.status());
    return std::make_unique<ObjectWatch>(std::move(*watch), options.selection, std::move(initial));
}

Result<api::AccessRules> Resources::access_rules() {
    const ObjectList roles = HF_TRY(list(api::role_kind(), "", {}));
    const ObjectList bindings = HF_TRY(list(api::role_binding_kind(), "", {}));
    return api::AccessRules(roles.items, bindings.items);
}

}  // namespace hf::resources
