// Mirror: a copy of all objects of one kind, kept up to date by a watch, for those who decide by
// what there is (reconcilers, the node agent). When the watch falls too far behind, the mirror
// lists again by itself: what happened meanwhile shows as one change.
//
// Owned by one thread; `on_events` is called from any. REQUIRES: the Resources outlive it.

#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "resources/resources.h"

namespace hf::resources {

class Mirror final {
public:
    // `on_events` is called when update() has something to do; it must be quick.
    Mirror(Resources& resources, const api::Kind& kind, std::function<void()> on_events);

    // Takes up what happened. The keys of the objects that came, changed or went.
    Result<std::set<std::string>> update();

    // As of the last update(), by "namespace/name", or "name" for kinds without namespaces.
    const std::map<std::string, api::Object>& objects() const { return objects_; }

    // nullptr when there is none.
    const api::Object* find(const std::string& key) const;

private:
    Status list_again(std::set<std::string>& changed);
    void apply(const WatchEvent& event, std::set<std::string>& changed);

    Resources& resources_;
    const api::Kind& kind_;
    const std::function<void()> on_events_;
    std::unique_ptr<ObjectWatch> watch_;  // null: list first
    std::map<std::string, api::Object> objects_;
};

// "default/pump", or "default" of a kind without namespaces.
std::string mirror_key(const api::Object& object);

}  // namespace hf::resources
