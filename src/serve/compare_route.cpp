#include "serve/compare_route.h"

#include <algorithm>

#include "base/json.h"
#include "base/text.h"
#include "crypto/spiffe.h"
#include "serve/comparison.h"

namespace hf::serve {
namespace {

// Where callers show none, the door is on loopback.
bool may_compare(const http::Request& request) {
    return request.client_uris.empty() ||
           std::any_of(request.client_uris.begin(), request.client_uris.end(),
                       [](const std::string& uri) {
                           const Result<crypto::SpiffeId> id = crypto::SpiffeId::parse(uri);
                           return id.ok() && id->path() == "/gateway";
                       });
}

Result<Comparison> parse(const http::Request& request) {
    constexpr std::string_view kLengthHeader = "Inference-Header-Content-Length";
    const auto header = request.headers.get(kLengthHeader);
    if (!header) return invalid_argument("header {} must say how much is JSON", kLengthHeader);
    const std::int64_t length = HF_TRY(parse_int(*header).context("{}", kLengthHeader));
    if (length < 0) return invalid_argument("{} is negative", kLengthHeader);
    return parse_comparison(request.body, static_cast<std::size_t>(length));
}

std::string difference_in(const ModelHost& host, const ModelHost::Inference& inference,
                          const OutputTensor& before, const AgreementRule& rule) {
    const std::vector<runtime::Port>& ports = host.signature().outputs;
    for (std::size_t i = 0; i < ports.size(); ++i) {
        if (ports[i].name == before.name) return difference(before, inference.outputs[i], rule);
    }
    return fmt::format("output '{}' is gone", before.name);
}

// Whether the version here agrees. The error: it cannot be said.
Result<bool> agrees(ModelHost& host, const Comparison& comparison) {
    const std::vector<OutputTensor> before =
        HF_TRY(parse_infer_response(comparison.answer.bytes, comparison.answer.json_bytes)
                   .context("answer"));
    const Result<InferRequest> asked = parse_infer_request(
        comparison.request.bytes, comparison.request.json_bytes, host.signature());
    // The previous version took it.
    if (!asked.ok()) return false;
    const Result<ModelHost::Inference> inference = host.infer_in_shadow(asked->inputs);
    if (inference.status().code() == Code::kResourceExhausted) return inference.status();
    if (!inference.ok()) return false;
    return std::all_of(before.begin(), before.end(), [&](const OutputTensor& output) {
        return difference_in(host, *inference, output, comparison.rule).empty();
    });
}

}  // namespace

http::Response compare(Models& models, const http::Request& request) {
    if (!may_compare(request)) {
        return http::Response::error(403, "only a gateway compares versions");
    }
    const std::string_view name = request.path_parameter("model");
    const std::shared_ptr<ModelHost> host = models.find(name);
    if (!host) return http::Response::error(404, fmt::format("model '{}' is not served", name));
    const Result<Comparison> comparison = parse(request);
    if (!comparison.ok()) return http::Response::error(comparison.status());
    const std::string& digest = host->identity().model_digest;
    if (comparison->digest != digest) {
        return http::Response::error(
            409, fmt::format("{} is served here, not {}", digest, comparison->digest));
    }
    const Result<bool> agreed = agrees(*host, *comparison);
    if (!agreed.ok()) return http::Response::error(agreed.status());
    host->count_compared(*agreed);
    return http::Response::json(200, json::write(json::Object{{"agrees", *agreed}}) + "\n");
}

}  // namespace hf::serve
