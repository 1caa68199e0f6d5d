// What a node may do by its certificate, whatever Roles say: see its own Node, make it, keep its
// status, and tell events. Nothing else: not other nodes, not documents, not reviews, not secrets
// of the administration. Pure; refusals are PERMISSION_DENIED and begin with a reason of reasons.h.

#pragma once

#include <optional>
#include <string>

#include "api/access.h"
#include "api/object.h"
#include "control/server/request_path.h"

namespace hf::control {

// NAME of a node's identity; nullopt for everybody else.
std::optional<std::string> node_name(const api::Identity& who);

// Whether a path is one that nodes have business at.
Status check_node_path(std::string_view node, const RequestPath* path);

Status decide_node_access(std::string_view node, const api::AccessRequest& access);

// Whether a node may create this object, which the path does not name yet: its own Node, bare of
// what others judge it by (labels, annotations, owners, finalizers), and events of its own.
Status check_node_object(std::string_view node, const api::Object& object);

// Whether a node may send this Node, or merge patch for it: the site that its status names is the
// one that it is enrolled for, because placement keeps models to sites by it.
Status check_node_site(std::string_view node, std::string_view site, const json::Value& sent);

}  // namespace hf::control
