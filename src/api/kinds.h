// The table of all kinds of group holdfast.dev, version v1, in the order in which people read them.

#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "api/kind.h"

namespace hf::api {

const std::vector<const Kind*>& all_kinds();

// nullptr when there is none.
const Kind* find_kind(std::string_view name);          // "Service"
const Kind* find_resource(std::string_view resource);  // "services"

// By what people type: kind, plural, singular or short name, in any case. NOT_FOUND suggests.
Result<const Kind*> find_kind_by_any_name(std::string_view name);

// Namespaces are built in and cannot be made or removed.
inline constexpr std::string_view kDefaultNamespace = "default";

// Where the system's own accounts live; roles bound here hold in every namespace and for
// cluster-scoped kinds (api/access.h).
inline constexpr std::string_view kSystemNamespace = "holdfast-system";

const std::vector<std::string>& all_namespaces();
bool is_namespace(std::string_view name);

// One function a file in api/kinds/.
const Kind& site_kind();
const Kind& node_kind();
const Kind& model_kind();
const Kind& model_version_kind();
const Kind& service_kind();
const Kind& rollout_kind();
const Kind& trust_policy_kind();
const Kind& role_kind();
const Kind& role_binding_kind();
const Kind& service_account_kind();
const Kind& event_kind();

}  // namespace hf::api
