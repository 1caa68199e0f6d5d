// One inference for whoever asks, in whatever protocol: finds the model, runs it, lets the cascade
// have its say, and accounts for the answer. What REST (oip.cpp) and gRPC (grpc/) have in common.
//
// Thread-safety: all functions from any thread.

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "serve/access.h"
#include "serve/cascade/cascades.h"
#include "serve/infer_request.h"
#include "serve/model_repository.h"
#include "serve/models.h"
#include "serve/receipts.h"

namespace hf::serve::seen {
class Observer;
}

namespace hf::serve {

// Beside models, what may be there. It outlives the server that answers with it.
struct OipExtras {
    Receipts* receipts = nullptr;  // every inference has one (header "holdfast-receipt")
    cascade::Cascades* cascades = nullptr;
    ModelRepository* repository = nullptr;  // null: models are what Services declare
    const Access* access = nullptr;  // null: whoever reaches the server may; else it has its gate
    const seen::Observer* observer = nullptr;  // the server's, for its metrics
};

struct Services {
    Models& models;
    OipExtras with;
};

inline constexpr std::string_view kServerName = "holdfast";
inline constexpr std::string_view kServerVersion = "0.1.0";
inline constexpr std::string_view kReceiptHeader = "holdfast-receipt";

// The model of that name, in the version that is named where one is. NOT_FOUND names others, and
// says of one that is not loaded why.
Result<std::shared_ptr<ModelHost>> find_model(const Services& services, std::string_view name,
                                              std::string_view version);

// Whether balancers should send requests here.
bool is_ready(const Services& services);

// What there is to say of a model beside its signature: device, digests, signer, service; each a
// string.
json::Object properties_of(const ModelHost& host);

// What answers one request.
struct Answering {
    const ModelHost& host;
    const InferRequest& request;
    std::vector<Tensor> outputs;  // in signature order
    Duration duration{};
    std::optional<cascade::Answer> cascade = {};  // whose outputs these are then
    Status refused = {};  // by a cascade that rather answers nothing; the rest does not count then
};

// `headers`: of the request, for the cascade. REQUIRES: visit and request outlive the answer.
Result<Answering> run_inference(const Services& services, Visit& visit, const InferRequest& request,
                                const http::Headers& headers);

// The receipt's identifier; empty where there are no receipts. An error means: no answer.
Result<std::string> add_receipt(const Services& services, const Answering& answering);

// Of the model, or the two, whose answer it is; empty when it is not known.
std::string digests_of(const Answering& answering);

}  // namespace hf::serve
