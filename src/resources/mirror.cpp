#include "resources/mirror.h"

namespace hf::resources {

std::string mirror_key(const api::Object& object) {
    const std::string name(object.name());
    return object.ns().empty() ? name : std::string(object.ns()) + "/" + name;
}

Mirror::Mirror(Resources& resources, const api::Kind& kind, std::function<void()> on_events)
    : resources_(resources), kind_(kind), on_events_(std::move(on_events)) {}

const api::Object* Mirror::find(const std::string& key) const {
    const auto at = objects_.find(key);
    return at == objects_.end() ? nullptr : &at->second;
}

Result<std::set<std::string>> Mirror::update() {
    std::set<std::string> changed;
    if (!watch_) HF_TRY(list_again(changed));
    for (;;) {
        Result<std::vector<WatchEvent>> events = watch_->next(Duration::zero());
        if (events.status().code() == Code::kOutOfRange) {
            HF_TRY(list_again(changed));
            continue;
        }
        HF_TRY(events.status());
        if (events->empty()) return changed;
        for (const WatchEvent& event : *events) apply(event, changed);
    }
}

Status Mirror::list_again(std::set<std::string>& changed) {
    watch_.reset();
    const ObjectList list = HF_TRY(resources_.list(kind_, "", {}));
    std::map<std::string, api::Object> now;
    for (const api::Object& object : list.items) now.emplace(mirror_key(object), object);
    for (const auto& [key, object] : objects_) {
        if (!now.contains(key)) changed.insert(key);
    }
    for (const auto& [key, object] : now) {
        const api::Object* before = find(key);
        if (!before || !(*before == object)) changed.insert(key);
    }
    objects_ = std::move(now);
    WatchOptions options;
    options.after = HF_TRY(parse_resource_version(list.resource_version));
    options.on_events = on_events_;
    watch_ = HF_TRY(resources_.watch(kind_, "", options));
    return {};
}

void Mirror::apply(const WatchEvent& event, std::set<std::string>& changed) {
    const std::string key = mirror_key(event.object);
    changed.insert(key);
    if (event.type == WatchEvent::Type::kRemoved) {
        objects_.erase(key);
    } else {
        objects_.insert_or_assign(key, event.object);
    }
}

}  // namespace hf::resources
