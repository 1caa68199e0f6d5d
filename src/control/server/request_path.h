// Where a request of the resource API points: group, version, namespace, resource, name and
// subresource, and which verb of the API it is. Kubernetes' "API concepts". Pure.

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace hf::control {

struct RequestPath {
    std::string group;    // empty: the core group, under /api
    std::string version;  // "v1"
    std::string ns;
    std::string resource;     // empty: the group or version itself
    std::string name;         // empty: the collection
    std::string subresource;  // "status"

    // "services" or "services/status", as access rules say it.
    std::string access_resource() const;
};

// nullopt when it is no path below /api or /apis, or has more parts than any resource.
std::optional<RequestPath> parse_request_path(std::string_view path);

// "get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"; empty when the
// method has none.
std::string_view verb_of(std::string_view method, const RequestPath& path, bool watching);

// Whether a query parameter's text says yes, in the spellings that Kubernetes takes: "1", "t",
// "true", "True", "TRUE".
bool is_yes(std::string_view text);

}  // namespace hf::control
