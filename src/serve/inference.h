// One inference for whoever asks, in whatever protocol: finds the model, runs it, lets the cascade
// have its say, and accounts for the answer. What REST (oip.cpp) and gRPC (grpc/) have in common.
//
// Thread-safety: all functions from any thread.

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "serve/access.h"
#include "serve/account.h"
#include "serve/cascade/cascades.h"
#include "serve/composite.h"
#include "serve/guard/guarding.h"
#include "serve/infer_request.h"
#include "serve/model_repository.h"
#include "serve/models.h"
#include "serve/receipts.h"
#include "serve/request_observer.h"
#include "serve/response_cache.h"
#include "serve/schedule/scheduler.h"

namespace hf::serve {

// Beside models, what may be there. It outlives the server that answers with it.
struct OipExtras {
    Receipts* receipts = nullptr;  // every inference has one (header "holdfast-receipt")
    cascade::Cascades* cascades = nullptr;
    ModelRepository* repository = nullptr;  // null: models are what Services declare
    const Access* access = nullptr;  // null: whoever reaches the server may; else it has its gate
    RequestObserver* observer = nullptr;   // the server's, for its metrics and trace settings
    Scheduler* scheduler = nullptr;        // null: every request runs as it comes
    RateLimits* limits = nullptr;          // of the callers of `access`
    ResponseCache* cache = nullptr;        // null: every answer is computed
    Regions* regions = nullptr;            // null: no shared memory
    ensemble::Helpers* helpers = nullptr;  // of ensembles' steps; null: none
};

struct Services {
    Models& models;
    OipExtras with;
};

inline constexpr std::string_view kServerName = "holdfast";
inline constexpr std::string_view kServerVersion = "0.1.0";
inline constexpr std::string_view kReceiptHeader = "holdfast-receipt";
inline constexpr std::string_view kCacheHeader =
    "holdfast-cache";  // "hit", of an answer from there

// Of an answer, and of a refusal: what the model's guard says of the request.
inline constexpr std::string_view kGuardHeader = "holdfast-guard";

// Of an ensemble's answer: the members that ran, and for how many rows each.
inline constexpr std::string_view kStepsHeader = "holdfast-steps";

// The model of that name, in the version that is named where one is, else in its highest. NOT_FOUND
// names others, and says of one that is not loaded why.
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
    std::optional<guard::Judged> guarded = {};
    Status refused = {};  // by the guard, or a cascade that rather answers nothing; the outputs do
                          // not count then
    bool cached = false;  // from the cache: no model ran
    std::shared_ptr<const Composed> composed = {};  // of a model that is made of others
    std::optional<Digest> inputs_digest = {};       // where it was computed already
};

// What an inference needs until it is answered.
struct Asked {
    Asked(std::shared_ptr<ModelHost> model, std::shared_ptr<const http::Request> asked_by)
        : host(std::move(model)),
          by(std::move(asked_by)),
          visit(*host, by->waited, account_of(*by)) {}

    const std::shared_ptr<ModelHost> host;
    const std::shared_ptr<const http::Request> by;
    Visit visit;
    InferRequest request = {};
    std::vector<Tensor> with_state =
        {};                      // the inputs of a model that keeps state, once it is there
    http::Headers headers = {};  // for the cascade
    Duration start_by = Duration::max();  // of the monotonic clock: what its caller's deadline says
};

// Runs it in its turn, within its sequence too, and tells what comes of it: before it returns or
// after, on this thread or another. At once where there is no scheduler, or the request is quick
// (quick.h). RESOURCE_EXHAUSTED when too many wait: tell the caller retry_after_of().
void run_inference(const Services& services, std::shared_ptr<Asked> asked,
                   std::function<void(const std::shared_ptr<Asked>&, Result<Answering>)> done);

// Asked::start_by of a request over REST, by what its gateway says of its caller's deadline.
Duration start_by_of(const Services& services, const http::Request& request);

// When to come again, for whoever was turned away.
Duration retry_after_of(const Services& services, const ModelHost& host);

// The same as the header Retry-After, where the status says that.
void add_retry_after(const Services& services, const ModelHost& host, const Status& status,
                     http::Response& response);

// The receipt's identifier; empty where there are no receipts. An error means: no answer.
Result<std::string> add_receipt(const Services& services, const Answering& answering);

// What the caller is told of the guard's verdict; empty: nothing.
std::string guard_summary(const Answering& answering);

// REQUIRES: answering.refused is an error. 422 by a guard, 503 by a cascade, each with its header.
http::Response refusal_of(const Answering& answering);

// Of the model, or the two, whose answer it is; empty when it is not known.
std::string digests_of(const Answering& answering);

}  // namespace hf::serve
