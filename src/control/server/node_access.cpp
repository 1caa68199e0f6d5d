#include "control/server/node_access.h"

#include <array>

#include "api/kinds.h"
#include "control/server/enrolment.h"
#include "control/server/reasons.h"

namespace hf::control {
namespace {

using reasons::refuse;

struct Permission {
    std::string_view verb;
    std::string_view resource;
    bool own;  // the request names the node itself
};

// Objects that are created have no name in the request: check_node_object() sees to them.
constexpr std::array<Permission, 7> kPermissions{{
    {"get", "nodes", true},
    {"list", "nodes", true},
    {"watch", "nodes", true},
    {"create", "nodes", false},
    {"update", "nodes/status", true},
    {"patch", "nodes/status", true},
    {"create", "events", false},
}};

Status of_another(std::string_view node, std::string_view what) {
    return refuse(Code::kPermissionDenied, reasons::kNodeOfAnother,
                  "node '{}' may act for itself only, not for {}", node, what);
}

}  // namespace

std::optional<std::string> node_name(const api::Identity& who) {
    if (!who.is_in(kNodesGroup)) return std::nullopt;
    const std::string_view user = who.user;
    return std::string(user.starts_with(kNodeUserPrefix) ? user.substr(kNodeUserPrefix.size())
                                                         : std::string_view());
}

Status check_node_path(std::string_view node, const RequestPath* path) {
    if (path && path->group == api::kGroup && !path->resource.empty()) return {};
    return refuse(Code::kPermissionDenied, reasons::kNodeForbidden,
                  "node '{}' may reach its own Node and events of {} only", node, api::kGroup);
}

Status decide_node_access(std::string_view node, const api::AccessRequest& access) {
    if (access.path.empty() && access.group == api::kGroup && !node.empty()) {
        for (const Permission& permission : kPermissions) {
            if (permission.verb != access.verb || permission.resource != access.resource) continue;
            if (!permission.own || access.name == node) return {};
            return of_another(node, access.name.empty() ? "all (name it: a node lists and watches "
                                                          "with fieldSelector=metadata.name=NAME)"
                                                        : fmt::format("'{}'", access.name));
        }
    }
    return refuse(Code::kPermissionDenied, reasons::kNodeForbidden,
                  "node '{}' cannot {} {}: a node sees and keeps its own Node and tells events",
                  node, access.verb,
                  access.path.empty() ? access.resource + "." + access.group : access.path);
}

Status check_node_object(std::string_view node, const api::Object& object) {
    if (object.kind() == api::node_kind().name) {
        if (object.name() != node) return of_another(node, fmt::format("'{}'", object.name()));
        for (std::string_view field : {"labels", "annotations", "ownerReferences", "finalizers"}) {
            const json::Value* value = json::find(object.metadata(), field);
            if (!value || value->is_null()) continue;
            return refuse(Code::kPermissionDenied, reasons::kNodeForbidden,
                          "node '{}' cannot give itself {}: an administrator does", node, field);
        }
        return {};
    }
    const json::Value* source = json::find(object.json(), "source");
    if (!source) return {};
    const std::string_view host = json::get_string(*source, "host");
    if (host.empty() || host == node) return {};
    return of_another(node, fmt::format("'{}'", host));
}

Status check_node_site(std::string_view node, std::string_view site, const json::Value& sent) {
    const json::Value* named = json::find_path(sent, {"status", "site"});
    if (!named || named->is_null()) return {};
    if (named->is_string() && json::as_view(named->get_string()) == site) return {};
    return refuse(Code::kPermissionDenied, reasons::kNodeOtherSite,
                  "node '{}' is enrolled for {}; its join token says where it stands", node,
                  site.empty() ? "no site" : fmt::format("the site '{}'", site));
}

}  // namespace hf::control
