#include "base/json.h"
#include "cli/api_client.h"
#include "cli/commands.h"

namespace hf::cli {
namespace {

// "ring=canary" sets, "ring-" removes.
Result<json::Object> read_changes(const std::vector<std::string>& words) {
    json::Object changes;
    for (const std::string& word : words) {
        const std::size_t equals = word.find('=');
        if (equals != std::string::npos) {
            changes[word.substr(0, equals)] = word.substr(equals + 1);
        } else if (word.size() > 1 && word.ends_with('-')) {
            changes[word.substr(0, word.size() - 1)] = nullptr;
        } else {
            return invalid_argument("'{}': want KEY=VALUE, or KEY- to remove one", word);
        }
    }
    return changes;
}

Status run(World& world, const Arguments& arguments) {
    const Target target = HF_TRY(parse_target(arguments.get("KIND/NAME"), ""));
    if (target.name.empty())
        return invalid_argument("which one? want KIND/NAME, as in node/press-7");
    json::Object changes = HF_TRY(read_changes(arguments.all("CHANGE")));
    const std::unique_ptr<ApiClient> client = HF_TRY(ApiClient::open(world, arguments));
    Call call;
    call.method = "PATCH";
    call.path = ApiClient::path(*target.kind, client->default_namespace(), target.name);
    call.content_type = "application/merge-patch+json";
    call.body =
        json::write(json::Object{{"metadata", json::Object{{"labels", std::move(changes)}}}});
    HF_TRY(client->call(call));
    world.out(fmt::format("{} labelled\n", target.to_string()));
    return {};
}

}  // namespace

Command label_command() {
    return {
        "label",
        "Sets and removes labels, by which roll-outs and lists choose",
        {{"KIND/NAME", "the object"}, {"CHANGE", "KEY=VALUE, or KEY- to remove one", true, true}},
        api_options(),
        {"holdfast label node/press-7 ring=canary", "holdfast label service/pump tier-"},
        run};
}

}  // namespace hf::cli
