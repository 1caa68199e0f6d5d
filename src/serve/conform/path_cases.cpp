#include "serve/conform/asks.h"
#include "serve/conform/cases.h"
#include "serve/conform/judges.h"
#include "serve/conform/sources.h"

namespace hf::serve::conform {
namespace {

// Refused with any status of an error: which one, HTTP leaves to the server.
Case bad_method(std::string name, std::string method, std::string path) {
    const std::string body = method == "GET" || method == "DELETE" ? "" : "{\"inputs\":[]}";
    return {std::move(name), fmt::format("{} there is refused", method), source::kMethods,
            request(std::move(method), std::move(path), body), status_from(400, 599)};
}

Case unknown_path(std::string name, std::string path) {
    return {std::move(name), "a path that is not in the table is refused", source::kPaths,
            get(std::move(path)), status_from(400, 499)};
}

// Hostile, and the server lives.
Case bad_target(std::string name, std::string asks, std::string path) {
    return {std::move(name), std::move(asks), source::kTargetBad, then_live(get(std::move(path))),
            and_lives(refused_by_http())};
}

Status allows(const Subject&, const Answers& answers) {
    const http::WireAnswer& answer = answers.front();
    if (!answer.answered() || answer.response.status != 405) {
        return failed_precondition("it was refused otherwise than with 405");
    }
    return answer.response.headers.get("Allow") ? Status() : invalid_argument("405 without Allow");
}

// The model's name with its first letter as %-escape.
Ask escaped_model() {
    return [](const Subject& subject) -> Result<Turns> {
        const auto first = static_cast<unsigned char>(subject.model.front());
        const std::string rest = http::percent_encode(subject.model.substr(1));
        return get(fmt::format("/v2/models/%{:02X}{}", first, rest))(subject);
    };
}

Status live_or_refused(const Subject&, const Answers& answers) {
    return refused_by_http()({}, answers).ok() ? Status() : status_is(200)({}, answers);
}

}  // namespace

std::vector<Case> path_cases() {
    return {
        unknown_path("unknown", "/v2/no-such-path"),
        unknown_path("unknown_below_model", "/v2/models/{model}/no-such-path"),
        unknown_path("unknown_health", "/v2/health/no-such-path"),
        unknown_path("unknown_protocol", "/v9"),
        {"case", "paths are compared with regard to case", source::kCase, get("/V2/HEALTH/LIVE"),
         status_from(400, 499)},
        bad_method("live_post", "POST", "/v2/health/live"),
        bad_method("ready_delete", "DELETE", "/v2/health/ready"),
        bad_method("server_put", "PUT", "/v2"),
        bad_method("server_delete", "DELETE", "/v2"),
        bad_method("model_delete", "DELETE", "/v2/models/{model}"),
        bad_method("model_put", "PUT", "/v2/models/{model}"),
        bad_method("infer_get", "GET", kInferPath),
        bad_method("infer_put", "PUT", kInferPath),
        bad_method("infer_delete", "DELETE", kInferPath),
        bad_method("infer_patch", "PATCH", kInferPath),
        bad_method("unknown_method", "FROBNICATE", "/v2"),
        {"method_case", "methods are compared with regard to case", source::kMethodCase,
         request("get", "/v2/health/live"), status_from(400, 599)},
        {"infer_get_allow", "a 405 says what is allowed", source::kAllow, get(kInferPath), allows},
        {"live_post_allow", "so it does for health", source::kAllow,
         request("POST", "/v2/health/live", "{}"), allows},
        {"options", "OPTIONS is answered, or refused", source::kMethods, request("OPTIONS", "/v2"),
         status_from(200, 599)},
        {"escaped_name", "a %-escaped letter is the letter", source::kTargetEscape, escaped_model(),
         status_is(200)},
        {"query", "a query that nobody asked for changes nothing, or is refused",
         source::kTargetBad, get("/v2/health/live?not_defined=1"), live_or_refused},
        bad_target("parent", "a name of %2e%2e%2f is no way out",
                   "/v2/models/%2e%2e%2f%2e%2e%2fetc%2fpasswd"),
        bad_target("parent_plain", "neither are two dots",
                   "/v2/models/../../../../../../etc/passwd"),
        bad_target("nul", "a NUL in a name is refused", "/v2/models/a%00b"),
        bad_target("bad_escape", "an escape that is none is refused", "/v2/models/%zz"),
        bad_target("bad_utf8", "bytes that are no UTF-8 are refused", "/v2/models/%ff%fe"),
        bad_target("long_name", "a name of 4,000 letters is refused",
                   "/v2/models/" + std::string(4000, 'm')),
        {"long_target", "a target of 256 KiB is refused", source::kTargetLimit,
         then_live(get("/v2/models/" + std::string(256U << 10, 'm'))),
         and_lives(refused_by_http())},
    };
}

}  // namespace hf::serve::conform
