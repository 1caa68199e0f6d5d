#include "resources/watch.h"

#include "resources/keys.h"

namespace hf::resources {

std::string_view type_name(WatchEvent::Type type) {
    switch (type) {
        case WatchEvent::Type::kAdded: return "ADDED";
        case WatchEvent::Type::kModified: return "MODIFIED";
        case WatchEvent::Type::kRemoved: break;
    }
    return "DELETED";
}

ObjectWatch::ObjectWatch(std::unique_ptr<store::Watch> watch, api::Selection selection,
                         std::vector<WatchEvent> initial)
    : watch_(std::move(watch)), selection_(std::move(selection)), initial_(std::move(initial)) {}

Result<std::vector<WatchEvent>> ObjectWatch::next(Duration patience) {
    if (!initial_.empty()) return std::exchange(initial_, {});
    const std::vector<store::Event> changes = HF_TRY(watch_->next(patience));
    std::vector<WatchEvent> events;
    for (const store::Event& change : changes) {
        if (std::optional<WatchEvent> event = HF_TRY(translate(change)))
            events.push_back(std::move(*event));
    }
    return events;
}

std::string ObjectWatch::resource_version() const {
    return std::to_string(watch_->delivered().value());
}

Result<std::optional<WatchEvent>> ObjectWatch::translate(const store::Event& event) const {
    using Type = WatchEvent::Type;
    const bool all = selection_.labels.selects_all() && selection_.fields.selects_all();
    std::optional<api::Object> before;
    if (all && event.kind == store::Event::Kind::kPut) {
        const bool known = event.previous || event.now.created != event.now.modified;
        api::Object now = HF_TRY(decode(event.now));
        return std::optional(WatchEvent{known ? Type::kModified : Type::kAdded, std::move(now)});
    }
    if (event.previous) before = HF_TRY(decode(*event.previous));
    const bool matched = before && selection_.matches(*before);
    if (event.kind == store::Event::Kind::kPut) {
        api::Object now = HF_TRY(decode(event.now));
        // Without the state before, it counts as known: a watcher takes "modified" for either.
        const bool known = before ? matched : event.now.created != event.now.modified;
        if (selection_.matches(now))
            return std::optional(
                WatchEvent{known ? Type::kModified : Type::kAdded, std::move(now)});
    }
    if (!before) {
        // Only the key is left of it.
        if (event.kind == store::Event::Kind::kPut || !selection_.labels.selects_all())
            return std::optional<WatchEvent>();
        const ObjectKey key = HF_TRY(parse_store_key(event.now.key));
        before = api::Object::make(key.kind->name, key.ns, key.name);
        if (!selection_.matches(*before)) return std::optional<WatchEvent>();
    } else if (!matched) {
        return std::optional<WatchEvent>();
    }
    before->edit_metadata()["resourceVersion"] = std::to_string(event.now.modified.value());
    return std::optional(WatchEvent{Type::kRemoved, std::move(*before)});
}

}  // namespace hf::resources
