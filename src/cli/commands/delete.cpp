#include "cli/api_client.h"
#include "cli/commands.h"
#include "cli/manifests.h"

namespace hf::cli {
namespace {

struct Doomed {
    Target target;
    std::string ns;
};

Result<std::vector<Doomed>> find_doomed(World& world, const Arguments& arguments,
                                        const std::string& default_namespace) {
    std::vector<Doomed> doomed;
    if (arguments.has("filename")) {
        if (arguments.has("KIND")) return invalid_argument("give either KIND NAME or -f FILE");
        for (const Manifest& manifest :
             HF_TRY(read_manifests(world, arguments.all("filename"), default_namespace))) {
            doomed.push_back({{manifest.kind, std::string(manifest.object.name())},
                              std::string(manifest.object.ns())});
        }
        return doomed;
    }
    const std::string kind = arguments.get("KIND");
    if (kind.empty())
        return invalid_argument("say what to delete: KIND NAME, KIND/NAME or -f FILE");
    if (!arguments.has("NAME")) {
        doomed.push_back({HF_TRY(parse_target(kind, "")), default_namespace});
    }
    for (const std::string& name : arguments.all("NAME")) {
        doomed.push_back({HF_TRY(parse_target(kind, name)), default_namespace});
    }
    for (const Doomed& one : doomed) {
        if (one.target.name.empty()) return invalid_argument("NAME is missing: which {}?", kind);
    }
    return doomed;
}

Status run(World& world, const Arguments& arguments) {
    const std::unique_ptr<ApiClient> client = HF_TRY(ApiClient::open(world, arguments));
    for (const Doomed& one : HF_TRY(find_doomed(world, arguments, client->default_namespace()))) {
        Call call;
        call.method = "DELETE";
        call.path = ApiClient::path(*one.target.kind, one.ns, one.target.name);
        const Status status = client->call(call).status();
        if (status.code() == Code::kNotFound && arguments.flag("ignore-not-found")) continue;
        HF_TRY(status);
        world.out(one.target.to_string() + " deleted\n");
    }
    return {};
}

}  // namespace

Command delete_command() {
    std::vector<Option> options{
        {"-f,--filename", "delete what this file holds; - is standard input", "FILE", "", true},
        {"--ignore-not-found", "what is not there counts as deleted", ""}};
    for (Option& option : api_options()) options.push_back(std::move(option));
    return {"delete",
            "Deletes resources",
            {{"KIND", "the kind, or KIND/NAME", false}, {"NAME", "which of them", false, true}},
            std::move(options),
            {"holdfast delete service pump", "holdfast delete -f pump.yaml"},
            run};
}

}  // namespace hf::cli
