#include "serve/gateway/forwarding.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "http/trace_context.h"
#include "http/url.h"
#include "serve/oip_client.h"

namespace hf::serve::gateway {
namespace {

constexpr std::array<const char*, 7> kForwarded = {
    "Inference-Header-Content-Length",
    "Content-Type",
    "Content-Encoding",
    "Accept",
    "baggage",
    "X-Request-Id",
    "User-Agent",
};

// RFC 9110, 7.6.1, and what the gateway's own server sets.
constexpr std::array<const char*, 9> kOfOneConnection = {
    "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Connection", "Proxy-Authorization",
    "TE",         "Trailer",    "Transfer-Encoding",  "Upgrade",
};

// Seconds only; a date would need the replica's clock to be ours.
Duration retry_after_of(const http::Headers& headers) {
    const Result<std::int64_t> seconds = parse_int(trim(headers.get("Retry-After").value_or("")));
    if (!seconds.ok() || *seconds < 0) return kPressureDefault;
    constexpr auto kMost = std::chrono::duration_cast<std::chrono::seconds>(kPressureMax).count();
    return std::chrono::seconds(std::min<std::int64_t>(*seconds, kMost));
}

Ending ending_of(int status, bool may_be_missing) {
    switch (status) {
        case 429:
        case 503: return Ending::kPressed;
        // The table says that the service is there: it is about to be, or was just taken away.
        case 404: return may_be_missing ? Ending::kAnswered : Ending::kPressed;
        case 501: return Ending::kAnswered;  // what was asked for is not offered
        default: return status >= 500 ? Ending::kFailed : Ending::kAnswered;
    }
}

}  // namespace

Result<Duration> timeout_of(const http::Headers& headers, Duration fallback) {
    const std::optional<std::string_view> header = headers.get(kTimeoutHeader);
    if (!header) return fallback;
    const std::int64_t most =
        std::chrono::duration_cast<std::chrono::milliseconds>(kTimeoutMax).count();
    const Result<std::int64_t> count = parse_int(trim(*header));
    if (!count.ok() || *count < 0) {
        return invalid_argument("header {}: '{}' is not a number of milliseconds, as in 250",
                                kTimeoutHeader, header->substr(0, 32));
    }
    return Duration(std::chrono::milliseconds(std::min(*count, most)));
}

Result<std::int64_t> hops_of(const http::Headers& headers) {
    const std::optional<std::string_view> header = headers.get(kHopsHeader);
    if (!header) return std::int64_t{0};
    const Result<std::int64_t> hops = parse_int(trim(*header));
    if (!hops.ok() || *hops < 0) {
        return invalid_argument("header {}: '{}' is not a number of gateways", kHopsHeader,
                                header->substr(0, 32));
    }
    if (*hops < kHopsMax) return *hops;
    return failed_precondition(
        "the request went through {} gateways; they send it to each other, so a routing table "
        "names a gateway as a replica",
        *hops);
}

http::Headers headers_onward(const http::Headers& headers) {
    http::Headers onward;
    for (const char* name : kForwarded) {
        if (const auto value = headers.get(name)) onward.set(name, std::string(*value));
    }
    if (const auto context = http::trace_context_of(headers)) {
        http::set_trace_context(onward, *context);
    }
    return onward;
}

Errand model_errand(const ModelName& model, std::string_view what) {
    Errand errand;
    errand.service = model.service;
    errand.path = "/v2/models/" + http::percent_encode(model.service);
    errand.versioned = !model.version.empty();
    if (errand.versioned) errand.path += "/versions/" + http::percent_encode(model.version);
    errand.path.append(what);
    errand.inference = what == "/infer";
    return errand;
}

http::Response response_onward(http::Response response, const Replica& replica) {
    for (const char* name : kOfOneConnection) response.headers.remove(name);
    response.headers.remove("Content-Length");
    response.headers.set(kNodeHeader, replica.node);
    return response;
}

Call::Ended judge(const Result<http::Response>& result, const Errand& errand) {
    Call::Ended ended;
    if (result.ok()) {
        const bool no_task = result->headers.get(kNoTaskHeader).has_value();
        ended.answered = true;
        ended.outcome.ending = ending_of(result->status, errand.versioned || no_task);
        if (result->headers.get(kCascadeRefusedHeader)) ended.outcome.ending = Ending::kAnswered;
        ended.outcome.retry_after = retry_after_of(result->headers);
        ended.outcome.no_tasks = errand.task && result->status == 404 && !no_task;
        ended.outcome.timed = result->status < 400;
        return ended;
    }
    ended.error = result.status();
    switch (result.status().code()) {
        case Code::kUnavailable:
        case Code::kDeadlineExceeded:
        case Code::kUnauthenticated:  // who cannot prove who it is gets no data
            ended.outcome.ending = Ending::kUnreachable;
            return ended;
        default:
            ended.outcome.ending = Ending::kFailed;
            ended.unusable = true;
            ended.error = Status(Code::kInternal, std::string(result.status().message()));
            return ended;
    }
}

http::Response refusal(const Status& status) {
    switch (status.code()) {
        case Code::kInternal:  // a replica's answer was of no use
            return http::Response::error(502, status.message());
        case Code::kFailedPrecondition:  // the request goes in circles
            return http::Response::error(508, status.message());
        default: break;
    }
    http::Response response = http::Response::error(status);
    if (response.status == 503) response.headers.set("Retry-After", "1");
    return response;
}

}  // namespace hf::serve::gateway
