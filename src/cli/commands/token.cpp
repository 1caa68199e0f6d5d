#include "base/text.h"
#include "cli/api_client.h"
#include "cli/commands.h"

namespace hf::cli {
namespace {

constexpr std::string_view kPath = "/v1/join-tokens";

Status run_create(World& world, const Arguments& arguments) {
    json::Object offer{{"node", arguments.get("node")}, {"site", arguments.get("site")}};
    offer["uses"] = HF_TRY(arguments.integer("uses", 1, 1000));
    const Duration validity = HF_TRY(parse_duration(arguments.get("valid")).context("--valid"));
    offer["validitySeconds"] = std::chrono::duration_cast<std::chrono::seconds>(validity).count();
    const std::unique_ptr<ApiClient> client = HF_TRY(ApiClient::open(world, arguments));
    Call call;
    call.method = "POST";
    call.path = kPath;
    call.body = json::write(offer);
    const json::Value answer = HF_TRY(client->call(call));
    world.out(HF_TRY(json::need_string(answer, "token")) + "\n");
    world.note(
        "the token is shown once and kept nowhere; on the new machine: holdfast agent "
        "--join URL --token TOKEN --name NAME\n");
    return {};
}

Status run_list(World& world, const Arguments& arguments) {
    const std::unique_ptr<ApiClient> client = HF_TRY(ApiClient::open(world, arguments));
    Call call;
    call.path = kPath;
    const json::Value answer = HF_TRY(client->call(call));
    const json::Array* items = json::find_array(answer, "items");
    world.out(fmt::format("{:17} {:6} {:20} {:16} {}\n", "ID", "USED", "EXPIRES", "SITE", "NODE"));
    for (const json::Value& item : items ? *items : json::Array()) {
        const json::Array* used = json::find_array(item, "usedBy");
        world.out(
            fmt::format("{:17} {:6} {:20} {:16} {}\n", json::get_string(item, "id"),
                        fmt::format("{}/{}", used ? used->size() : 0, json::get_int(item, "uses")),
                        json::get_string(item, "expires"), json::get_string(item, "site"),
                        json::get_string(item, "node")));
    }
    return {};
}

Status run_revoke(World& world, const Arguments& arguments) {
    const std::unique_ptr<ApiClient> client = HF_TRY(ApiClient::open(world, arguments));
    Call call;
    call.method = "DELETE";
    call.path = fmt::format("{}/{}", kPath, arguments.get("ID"));
    HF_TRY(client->call(call));
    return {};
}

}  // namespace

Command token_create_command() {
    return {"token create",
            "Makes a token by which a new machine joins, once",
            {},
            {kubeconfig_option(),
             {"--node", "only a machine of this name may use it", "NAME"},
             {"--site", "the Site where its machines stand", "NAME"},
             {"--uses", "how many machines may use it", "N", "1"},
             {"--valid", "for how long", "DURATION", "1h"}},
            {"holdfast token create", "holdfast token create --site berlin --uses 20 --valid 24h"},
            run_create};
}

Command token_list_command() {
    return {"token list",
            "Tokens that machines may join by, and which have",
            {},
            {kubeconfig_option()},
            {"holdfast token list"},
            run_list};
}

Command token_revoke_command() {
    return {"token revoke",
            "Makes a token good for nothing",
            {{"ID", "its id, as `holdfast token list` shows it"}},
            {kubeconfig_option()},
            {"holdfast token revoke 5f0c2b9d11aa43e7"},
            run_revoke};
}

}  // namespace hf::cli
