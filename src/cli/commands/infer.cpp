#include "api/conditions.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/api_client.h"
#include "cli/commands.h"
#include "cli/tensor_file.h"
#include "http/url.h"
#include "serve/oip_client.h"
#include "tensor/json.h"

namespace hf::cli {
namespace {

constexpr std::string_view kModels = "/v2/models/";

// Where the service's model answers: ".../v2/models/NAME".
Result<std::string> model_url(const api::Object& service) {
    std::string url(json::get_string(service.status(), "url"));
    if (url.empty()) {
        const std::optional<api::Condition> ready = api::find_condition(service, "Ready");
        return failed_precondition("service/{} does not answer yet{}", service.name(),
                                   ready ? fmt::format(": {} {}", ready->reason, ready->message)
                                         : std::string("; nothing has taken it up"));
    }
    while (url.ends_with('/')) url.pop_back();
    if (url.find(kModels) == std::string::npos) {
        url += std::string(kModels) + http::percent_encode(service.name());
    }
    return url;
}

Result<http::Response> ask(ApiClient& client, http::ClientRequest request) {
    http::Response response = HF_TRY(client.send(request));
    if (response.status < 300) return response;
    const Result<json::Value> parsed = json::parse(as_text(response.body));
    const std::string_view said = parsed.ok() ? json::get_string(*parsed, "error") : "";
    return Status(response.status < 500 ? Code::kInvalidArgument : Code::kUnavailable,
                  fmt::format("{}: HTTP status {}: {}", request.url, response.status, said));
}

Status show(World& world, const Arguments& arguments, const serve::InferenceAnswer& answer,
            const std::string& receipt) {
    const std::string folder = arguments.get("output");
    if (!folder.empty()) HF_TRY(world.files.create_directories(folder));
    json::Array shown;
    for (const serve::NamedOutput& output : answer.outputs) {
        json::Object row{{"name", output.name},
                         {"dtype", std::string(dtype_name(output.tensor.dtype()))},
                         {"shape", output.tensor.shape().to_string()}};
        if (!folder.empty()) {
            row["file"] = HF_TRY(write_output(world, folder, output.name, output.tensor));
        } else if (arguments.flag("json")) {
            row["data"] = HF_TRY(tensor_to_json(output.tensor));
        }
        if (!arguments.flag("json")) {
            world.out(fmt::format("{} {}[{}] {}\n", output.name, dtype_name(output.tensor.dtype()),
                                  output.tensor.shape().to_string(),
                                  HF_TRY(preview(output.tensor))));
        }
        shown.push_back(std::move(row));
    }
    if (arguments.flag("json")) {
        world.out(json::write(json::Object{{"model", answer.model_name},
                                           {"version", answer.model_version},
                                           {"receipt", receipt},
                                           {"outputs", std::move(shown)}}) +
                  "\n");
    } else if (!receipt.empty()) {
        world.out(fmt::format("receipt {}\n", receipt));
    }
    return {};
}

Status run(World& world, const Arguments& arguments) {
    const std::unique_ptr<ApiClient> client = HF_TRY(ApiClient::open(world, arguments));
    const Target target{&api::service_kind(), arguments.get("SERVICE")};
    const std::string url = HF_TRY(model_url(HF_TRY(client->get(target))));
    http::ClientRequest metadata;
    metadata.url = url;
    const http::Response described = HF_TRY(ask(*client, metadata));
    const runtime::Signature signature =
        HF_TRY(serve::parse_model_metadata(as_text(described.body)).context("{}", url));
    const serve::InferenceCall call = serve::write_inference(
        signature, HF_TRY(read_inputs(world, signature, arguments.all("input"), "")));
    http::ClientRequest request;
    request.method = "POST";
    request.url = url + "/infer";
    request.headers.set("Content-Type", "application/octet-stream");
    request.headers.set("Inference-Header-Content-Length", fmt::format("{}", call.json_bytes));
    request.body = call.body;
    const http::Response response = HF_TRY(ask(*client, std::move(request)));
    std::optional<std::size_t> json_bytes;
    if (const auto length = response.headers.get("Inference-Header-Content-Length")) {
        json_bytes = static_cast<std::size_t>(HF_TRY(parse_int(*length)));
    }
    const serve::InferenceAnswer answer =
        HF_TRY(serve::parse_inference_answer(response.body, json_bytes).context("{}", url));
    const std::string receipt(response.headers.get("holdfast-receipt").value_or(""));
    return show(world, arguments, answer, receipt);
}

}  // namespace

Command infer_command() {
    std::vector<Option> options{
        {"-i,--input", "one a model input: FILE.npy, FILE.json, random or zeros", "NAME=SOURCE", "",
         true},
        {"-o,--output", "write each output as NAME.npy into this folder", "DIR"},
        {"--json", "outputs and receipt as JSON", ""}};
    for (Option& option : api_options()) options.push_back(std::move(option));
    return {"infer",
            "Asks a service for a prediction",
            {{"SERVICE", "the service's name"}},
            std::move(options),
            {"holdfast infer pump --input window=window.npy",
             "holdfast infer pump --input random --json"},
            run};
}

}  // namespace hf::cli
