#include "api/three_way.h"
#include "cli/api_client.h"
#include "cli/commands.h"
#include "cli/manifests.h"

namespace hf::cli {
namespace {

// Others may change the object between our reading and our writing.
constexpr int kAttemptsMax = 5;

Result<std::string> apply_once(ApiClient& client, const Manifest& manifest) {
    const api::Object& wanted = manifest.object;
    const std::string query = "?fieldManager=holdfast-apply&fieldValidation=Strict";
    Call read;
    read.path = ApiClient::path(*manifest.kind, wanted.ns(), wanted.name());
    const Result<json::Value> found = client.call(read);
    if (found.status().code() == Code::kNotFound) {
        Call create;
        create.method = "POST";
        create.path = ApiClient::path(*manifest.kind, wanted.ns(), "") + query;
        create.body = json::write(api::with_last_applied(wanted).json());
        HF_TRY(client.call(create));
        return std::string("created");
    }
    HF_TRY(found.status());
    const api::Object live = HF_TRY(api::Object::from_json(*found));
    const json::Value patch = api::apply_patch(wanted, live);
    if (patch.is_object() && patch.get_object().empty()) return std::string("unchanged");
    Call change;
    change.method = "PATCH";
    change.path = read.path + query;
    change.content_type = "application/merge-patch+json";
    change.body = json::write(patch);
    HF_TRY(client.call(change));
    return std::string("configured");
}

Result<std::string> apply(ApiClient& client, const Manifest& manifest) {
    for (int attempt = 1;; ++attempt) {
        Result<std::string> done = apply_once(client, manifest);
        const Code code = done.status().code();
        const bool raced = code == Code::kAborted || code == Code::kAlreadyExists;
        if (!raced || attempt == kAttemptsMax) return done;
    }
}

Status run(World& world, const Arguments& arguments) {
    const std::unique_ptr<ApiClient> client = HF_TRY(ApiClient::open(world, arguments));
    const std::vector<Manifest> manifests =
        HF_TRY(read_manifests(world, arguments.all("filename"), client->default_namespace()));
    for (const Manifest& manifest : manifests) {
        const std::string done = HF_TRY(apply(*client, manifest).context("{}", manifest.source));
        world.out(fmt::format("{}/{} {}\n", manifest.kind->singular, manifest.object.name(), done));
    }
    return {};
}

}  // namespace

Command apply_command() {
    std::vector<Option> options{
        {"-f,--filename", "YAML or JSON; - is standard input", "FILE", "", true, true}};
    for (Option& option : api_options()) options.push_back(std::move(option));
    return {
        "apply",
        "Makes resources what files say: creates, changes, or leaves as they are",
        {},
        std::move(options),
        {"holdfast apply -f pump.yaml", "holdfast get service pump -o yaml | holdfast apply -f -"},
        run};
}

}  // namespace hf::cli
