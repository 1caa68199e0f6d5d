#include "control/place/explain.h"
#include "cli/api_client.h"
#include "cli/commands.h"
#include "control/place/from_resources.h"

namespace hf::cli {
namespace {

// Of all namespaces: the whole fleet shares the machines.
Result<std::vector<api::Object>> list_all(ApiClient& client, const api::Kind& kind) {
    Call call;
    call.path = ApiClient::path(kind, "", "");
    const json::Value answer = HF_TRY(client.call(call).context("listing {}", kind.plural));
    std::vector<api::Object> objects;
    const json::Array* items = json::find_array(answer, "items");
    for (const json::Value& item : items ? *items : json::Array()) {
        api::Object object = HF_TRY(api::Object::from_json(item).context("{}", kind.plural));
        objects.push_back(std::move(object));
    }
    return objects;
}

std::vector<const api::Object*> borrowed(const std::vector<api::Object>& objects) {
    std::vector<const api::Object*> pointers;
    for (const api::Object& each : objects) pointers.push_back(&each);
    return pointers;
}

Status run(World& world, const Arguments& arguments) {
    const Target target = HF_TRY(parse_target(arguments.get("KIND"), arguments.get("NAME")));
    if (target.kind != &api::service_kind()) {
        return invalid_argument("only services are placed; want service/NAME, got {}",
                                target.to_string());
    }
    if (target.name.empty()) return invalid_argument("NAME is missing: explain which service?");
    const std::unique_ptr<ApiClient> client = HF_TRY(ApiClient::open(world, arguments));
    const std::vector<api::Object> sites = HF_TRY(list_all(*client, api::site_kind()));
    const std::vector<api::Object> nodes = HF_TRY(list_all(*client, api::node_kind()));
    const std::vector<api::Object> services = HF_TRY(list_all(*client, api::service_kind()));
    const control::place::Fleet fleet =
        control::place::fleet_from({borrowed(sites), borrowed(nodes), borrowed(services)});
    const control::place::Plan plan = HF_TRY(control::place::plan(fleet));
    const auto links = control::place::link_cascades(fleet, plan);
    const std::string name = fmt::format("{}/{}", client->default_namespace(), target.name);
    world.out(HF_TRY(control::place::explain(plan, links, name)));
    return {};
}

}  // namespace

Command explain_command() {
    return {"explain",
            "Shows where a service's replicas belong, and why other machines do not take them",
            {{"KIND", "'service', or service/NAME"}, {"NAME", "which", false}},
            api_options(),
            {"holdfast explain service/pump"},
            run};
}

}  // namespace hf::cli
