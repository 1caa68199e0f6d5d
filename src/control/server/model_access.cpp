#include "control/server/model_access.h"

#include <algorithm>

#include "api/names.h"
#include "control/server/node_access.h"
#include "control/server/reasons.h"

namespace hf::control {
namespace {

Status check_node(resources::Resources& resources, const std::string& node,
                  const std::string& repository) {
    const api::Object object = HF_TRY(resources.get({&api::node_kind(), "", node}));
    const json::Array* orders = json::find_array(object.spec(), "services");
    const bool ordered =
        orders && std::any_of(orders->begin(), orders->end(), [&](const json::Value& order) {
            const auto model = api::parse_model_reference(json::get_string(order, "model"));
            return model.ok() && model->name == repository;
        });
    if (ordered) return {};
    return reasons::refuse(Code::kPermissionDenied, reasons::kNotItsModel,
                           "node {} is not ordered to run a version of {}", node, repository);
}

}  // namespace

Status may_read_models(ApiServer& api, resources::Resources& resources,
                       const http::Request& request, const std::string& repository) {
    const api::Identity who = HF_TRY(api.authenticate(request));
    if (repository.empty()) return {};
    api::AccessRequest access;
    access.verb = "get";
    access.resource = "models";
    access.name = repository;
    const auto node = node_name(who);
    if (!node) return api.authorize(who, access);
    const Status ordered = check_node(resources, *node, repository);
    api.audit_refusal(who, access, ordered);
    return ordered;
}

}  // namespace hf::control
