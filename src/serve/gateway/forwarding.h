// What goes through the gateway and what does not: the headers and the URL of the request as a
// replica gets it, the response as the caller gets it, what a replica's answer means for the
// balancer, and how the gateway's own word is said.
//
// Pure. Errors: INVALID_ARGUMENT names the header and what it should be.

#pragma once

#include <string>

#include "http/client.h"
#include "http/message.h"
#include "serve/gateway/call.h"

namespace hf::serve::gateway {

// How many milliseconds the caller waits; handed on, less what was spent.
inline constexpr const char* kTimeoutHeader = "X-Holdfast-Timeout-Ms";

// The node that answered.
inline constexpr const char* kNodeHeader = "X-Holdfast-Node";

// The digest of the version that computed a replica's answer.
inline constexpr const char* kModelHeader = "holdfast-model-digest";

// How many gateways a request went through; more than kHopsMax is a loop between routing tables.
inline constexpr const char* kHopsHeader = "X-Holdfast-Hops";
inline constexpr std::int64_t kHopsMax = 4;

inline constexpr Duration kTimeoutMax = std::chrono::hours(1);  // a longer one counts as this

// The time that the caller allows, or `fallback` when it does not say.
Result<Duration> timeout_of(const http::Headers& headers, Duration fallback);

// FAILED_PRECONDITION when the request goes in circles.
Result<std::int64_t> hops_of(const http::Headers& headers);

// Tensor sizes, content types and trace context; no cookies, no credentials: the replica knows the
// gateway by its certificate.
http::Headers headers_onward(const http::Headers& headers);

// What a request is for: whom it asks, and by which path a replica is asked.
struct Errand {
    std::string service;
    std::string path;        // below the replica's URL
    bool versioned = false;  // it names a version, so 404 may be the right answer
    bool inference = false;  // how long it takes says how long inferences do
    bool task = false;       // for what people have instead of tensors (serve/tasks/routes.h)
};

// "/v2/models/{service}[/versions/{version}]" and `what`: "", "/ready", "/infer".
struct ModelName {
    std::string_view service;
    std::string_view version;  // empty: none is named
};
Errand model_errand(const ModelName& model, std::string_view what);

// The replica's answer as the caller gets it, without what concerned one connection only.
http::Response response_onward(http::Response response, const Replica& replica);

Call::Ended judge(const Result<http::Response>& result, const Errand& errand);

// The answer of a gateway that has none of a replica's. REQUIRES: an error.
http::Response refusal(const Status& status);

}  // namespace hf::serve::gateway
