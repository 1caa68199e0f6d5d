#include "cli/api_client.h"
#include "cli/commands.h"

namespace hf::cli {
namespace {

constexpr std::string_view kPath = "/v1/enrolments";

Status run_list(World& world, const Arguments& arguments) {
    const std::unique_ptr<ApiClient> client = HF_TRY(ApiClient::open(world, arguments));
    Call call;
    call.path = kPath;
    const json::Value answer = HF_TRY(client->call(call));
    if (arguments.flag("json")) {
        world.out(json::write(answer) + "\n");
        return {};
    }
    const json::Array* items = json::find_array(answer, "items");
    world.out(fmt::format("{:20} {:12} {:12} {:20} {}\n", "NODE", "SITE", "STATE",
                          "CERTIFICATE UNTIL", "WHY"));
    for (const json::Value& item : items ? *items : json::Array()) {
        world.out(fmt::format("{:20} {:12} {:12} {:20} {}\n", json::get_string(item, "node"),
                              json::get_string(item, "site"), json::get_string(item, "state"),
                              json::get_string(item, "until"), json::get_string(item, "why")));
    }
    return {};
}

Status change(World& world, const Arguments& arguments, std::string_view act) {
    const std::unique_ptr<ApiClient> client = HF_TRY(ApiClient::open(world, arguments));
    Call call;
    call.method = "POST";
    call.path = fmt::format("{}/{}/{}", kPath, arguments.get("NAME"), act);
    call.body = json::write(json::Object{{"why", arguments.get("why")}});
    HF_TRY(client->call(call));
    return {};
}

Status run_revoke(World& world, const Arguments& arguments) {
    return change(world, arguments, "revoke");
}

Status run_allow(World& world, const Arguments& arguments) {
    return change(world, arguments, "allow");
}

}  // namespace

Command node_list_command() {
    return {"node list",
            "The machines that have joined, and whether their certificates are good",
            {},
            {kubeconfig_option(), {"--json", "as JSON", ""}},
            {"holdfast node list"},
            run_list};
}

Command node_revoke_command() {
    return {"node revoke",
            "Refuses a machine's certificates from now on",
            {{"NAME", "the node"}},
            {kubeconfig_option(), {"--why", "for the record", "TEXT"}},
            {"holdfast node revoke press-7 --why 'stolen'"},
            run_revoke};
}

Command node_allow_command() {
    return {"node allow",
            "Lets a machine go on that was quarantined because its key was in two places",
            {{"NAME", "the node"}},
            {kubeconfig_option()},
            {"holdfast node allow press-7"},
            run_allow};
}

}  // namespace hf::cli
