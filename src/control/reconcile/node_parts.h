// A service among what a Node's spec orders or its status reports. Internal to reconcile/ and
// scale/.

#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "base/json.h"

namespace hf::control {

// The entry of "services" in `part`; nullptr when there is none.
inline const json::Value* find_service(const json::Value& part, std::string_view ns,
                                       std::string_view name) {
    const json::Array* list = json::find_array(part, "services");
    if (!list) return nullptr;
    const auto found = std::find_if(list->begin(), list->end(), [&](const json::Value& item) {
        return json::get_string(item, "namespace") == ns && json::get_string(item, "name") == name;
    });
    return found == list->end() ? nullptr : &*found;
}

// The same by "namespace/name".
inline const json::Value* find_service(const json::Value& part, const std::string& service) {
    const std::size_t slash = service.find('/');
    if (slash == std::string::npos) return nullptr;
    const std::string_view key = service;
    return find_service(part, key.substr(0, slash), key.substr(slash + 1));
}

}  // namespace hf::control
