#include "control/place/explain.h"
#include "cli/api_client.h"
#include "cli/commands.h"
#include "control/place/from_resources.h"
#include "control/place/upstreams.h"

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

// What its cascade says, and why it cannot be followed where it cannot.
void explain_cascade(World& world, const std::vector<api::Object>& services,
                     const std::string& name) {
    const control::place::Upstreams upstreams = control::place::upstreams_of(services);
    for (const api::Object& service : services) {
        if (fmt::format("{}/{}", service.ns(), service.name()) != name) continue;
        world.out(control::place::cascade_terms(service));
    }
    const auto own = upstreams.find(name);
    if (own == upstreams.end()) return;
    const std::string trouble =
        control::place::chain_trouble(control::place::judge_chain(upstreams, name), own->second);
    if (!trouble.empty()) world.out(fmt::format("  it asks nobody: {}\n", trouble));
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
    explain_cascade(world, services, name);
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
