#include "resources/bootstrap.h"

#include "api/yaml.h"

namespace hf::resources {
namespace {

constexpr std::string_view kRoles = R"(
apiVersion: holdfast.dev/v1
kind: Role
metadata: {name: view, namespace: holdfast-system}
rules:
- {apiGroups: [holdfast.dev], resources: ['*'], verbs: [get, list, watch]}
---
apiVersion: holdfast.dev/v1
kind: Role
metadata: {name: edit, namespace: holdfast-system}
rules:
- {apiGroups: [holdfast.dev], resources: ['*'], verbs: [get, list, watch]}
- apiGroups: [holdfast.dev]
  resources: [models, modelversions, services]
  verbs: [create, update, patch, delete, deletecollection]
---
apiVersion: holdfast.dev/v1
kind: Role
metadata: {name: admin, namespace: holdfast-system}
rules:
- {apiGroups: [holdfast.dev], resources: ['*'], verbs: ['*']}
)";

}  // namespace

Status ensure_builtin_roles(Resources& resources) {
    WriteOptions options;
    options.who = api::Identity::of_system("bootstrap");
    const std::vector<json::Value> documents = HF_TRY(api::parse_yaml_documents(kRoles));
    for (const json::Value& document : documents) {
        const api::Object role = HF_TRY(api::Object::from_json(document));
        const Status status = resources.create(role, options).status();
        if (!status.ok() && status.code() != Code::kAlreadyExists) return status;
    }
    return {};
}

}  // namespace hf::resources
