#include "serve/access.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/text.h"
#include "crypto/hash.h"
#include "serve/account.h"

namespace hf::serve {
namespace {

constexpr std::string_view kAll = "*";
constexpr std::string_view kScheme = "bearer ";

std::vector<std::string_view> words_of(std::string_view line) {
    std::vector<std::string_view> words;
    for (std::string_view rest = trim(line); !rest.empty(); rest = trim(rest)) {
        const std::size_t end = std::min(rest.find_first_of(" \t"), rest.size());
        words.push_back(rest.substr(0, end));
        rest.remove_prefix(end);
    }
    return words;
}

bool covers(const std::set<std::string, std::less<>>& models, std::string_view model) {
    return models.contains(kAll) || models.contains(model);
}

std::string_view verb_of(Right right) {
    switch (right) {
        case Right::kInfer: return "infer";
        case Right::kLoad: return "load";
        case Right::kObserve: break;
    }
    return "observe";
}

// "a, b" of infer=a,b.
Status add_models(std::string_view list, std::set<std::string, std::less<>>& to) {
    for (const std::string_view model : split(list, ',')) {
        if (model.empty()) return invalid_argument("a model without a name");
        to.emplace(model);
    }
    return {};
}

// "20" of rate=20.
Result<double> parse_positive(std::string_view word, double least) {
    constexpr double kMost = 1e6;
    const std::size_t sign = word.find('=');
    const double number =
        HF_TRY(parse_double(word.substr(sign + 1)).context("{}", word.substr(0, sign)));
    if (number >= least && number <= kMost) return number;
    return invalid_argument("{}: {} is outside {} to {}", word.substr(0, sign), number, least,
                            kMost);
}

http::Response refusal(const Status& status) {
    http::Response response = http::Response::error(status);
    if (status.code() == Code::kUnauthenticated) {
        response.headers.set("WWW-Authenticate", "Bearer");
    }
    return response;
}

Need needs(Right right, std::string_view model = "") {
    return {Need::Kind::kRight, right, std::string(model)};
}

bool is_open(std::string_view path) {
    constexpr std::array<std::string_view, 6> kOpen{"/v2/health/live",
                                                    "/v2/health/ready",
                                                    "/grpc.health.v1.Health/Check",
                                                    "/grpc.health.v1.Health/Watch",
                                                    "/inference.GRPCInferenceService/ServerLive",
                                                    "/inference.GRPCInferenceService/ServerReady"};
    return std::find(kOpen.begin(), kOpen.end(), path) != kOpen.end();
}

}  // namespace

Need need_of(std::string_view path) {
    if (is_open(path)) return {Need::Kind::kNothing};
    const std::vector<std::string_view> parts = split(path.substr(1), '/');
    const auto at = [&](std::size_t i) { return i < parts.size() ? parts[i] : ""; };
    if (path == "/metrics" || at(1) == "receipts") return needs(Right::kObserve);
    if (at(0) == "v1" && at(1) == "tasks") return needs(Right::kInfer, at(2));
    if (at(0) != "v2") return {};
    if (at(1) == "repository") {
        return at(2) == "models" ? needs(Right::kLoad, at(3)) : needs(Right::kObserve);
    }
    if (at(1) == "systemsharedmemory" || at(1) == "cudasharedmemory") {
        return needs(parts.back() == "status" ? Right::kObserve : Right::kLoad);
    }
    if (at(1) == "trace" || at(1) == "logging") return needs(Right::kObserve);
    if (at(1) != "models") return {};
    if (at(3) == "trace") return needs(Right::kObserve);
    if (parts.back() == "stats") return needs(Right::kObserve);
    return needs(Right::kInfer, at(2));
}

Result<Access::Caller> Access::parse_caller(std::string_view line, Digest& token) {
    const std::vector<std::string_view> words = words_of(line);
    if (words.size() < 3) {
        return invalid_argument(
            "want NAME sha256:DIGEST-OF-TOKEN RIGHTS, as in "
            "'alice sha256:... infer=*'");
    }
    Caller caller;
    caller.name = words[0];
    double rate = 0;
    double burst = 0;
    token = HF_TRY(Digest::parse(words[1]));
    for (std::size_t i = 2; i < words.size(); ++i) {
        const std::string_view word = words[i];
        if (word == "observe") {
            caller.observe = true;
        } else if (word.starts_with("infer=")) {
            HF_TRY(add_models(word.substr(6), caller.infer));
        } else if (word.starts_with("load=")) {
            HF_TRY(add_models(word.substr(5), caller.load));
        } else if (word.starts_with("rate=")) {
            rate = HF_TRY(parse_positive(word, 1e-3));
        } else if (word.starts_with("burst=")) {
            burst = HF_TRY(parse_positive(word, 1));
        } else {
            return invalid_argument(
                "'{}' is no right; these are: infer=MODEL,..., load=MODEL,..., observe; and "
                "limits: "
                "rate=REQUESTS-A-SECOND, burst=REQUESTS",
                word);
        }
    }
    if (burst > 0 && rate == 0) return invalid_argument("burst without rate");
    if (rate > 0) caller.rate = Rate{rate, burst > 0 ? burst : std::max(1.0, rate)};
    return caller;
}

Result<Access> Access::parse(std::string_view text) {
    Access access;
    std::set<std::string, std::less<>> names;
    std::size_t number = 0;
    for (const std::string_view line : split(text, '\n')) {
        ++number;
        const std::string_view content = trim(line);
        if (content.empty() || content.starts_with('#')) continue;
        Digest token;
        Caller caller = HF_TRY(parse_caller(content, token).context("line {}", number));
        access.has_rates_ = access.has_rates_ || caller.rate.has_value();
        if (!names.emplace(caller.name).second) {
            return invalid_argument("line {}: '{}' stands here twice", number, caller.name);
        }
        if (!access.callers_.emplace(token, std::move(caller)).second) {
            return invalid_argument("line {}: the token of another caller", number);
        }
        if (access.callers_.size() > kMaxCallers) {
            return resource_exhausted("more than {} callers", kMaxCallers);
        }
    }
    if (access.callers_.empty()) return invalid_argument("it names no caller");
    return access;
}

Result<const Access::Caller*> Access::find(const http::Headers& headers) const {
    const std::string_view header = headers.get("authorization").value_or("");
    if (to_lower(header.substr(0, kScheme.size())) != kScheme) {
        return unauthenticated("a token is needed: send it as Authorization: Bearer TOKEN");
    }
    const std::string_view token = trim(header.substr(kScheme.size()));
    const auto at = callers_.find(crypto::sha256(as_bytes(token)));
    if (at == callers_.end()) return unauthenticated("the token is not one that is known here");
    return &at->second;
}

Status Access::check(const http::Headers& headers, Right right, std::string_view model) const {
    const Caller& caller = *HF_TRY(find(headers));
    const bool may = right == Right::kObserve ? caller.observe
                     : right == Right::kLoad  ? covers(caller.load, model)
                                              : covers(caller.infer, model);
    if (may) return {};
    const std::string of = model.empty() ? "" : fmt::format(" model '{}'", model);
    return permission_denied("'{}' may not {}{}", caller.name, verb_of(right), of);
}

Status Access::check_rate(const http::Headers& headers, RateLimits& limits, Duration& wait) const {
    if (!has_rates_) return {};
    const Result<const Caller*> caller = find(headers);
    if (!caller.ok() || !(*caller)->rate) return {};
    const std::optional<Duration> until = limits.take((*caller)->name, *(*caller)->rate);
    if (!until) return {};
    wait = *until;
    return resource_exhausted("'{}' may send {} requests a second; come again in {:.3g} s",
                              (*caller)->name, (*caller)->rate->per_second,
                              std::chrono::duration<double>(*until).count());
}

http::Gate Access::gate(RateLimits& limits) const {
    return [this, &limits](const http::Request& request) -> std::optional<http::Response> {
        if (Account* const account = account_of(request)) {
            const Result<const Caller*> caller = find(request.headers);
            if (caller.ok()) account->called_by((*caller)->name);
        }
        const Need need = need_of(request.path);
        Status status;
        Duration wait{};
        if (need.kind != Need::Kind::kNothing) status = check_rate(request.headers, limits, wait);
        if (!status.ok()) {
            http::Response response = http::Response::error(status);
            const auto seconds = std::chrono::ceil<std::chrono::seconds>(wait).count();
            response.headers.set("Retry-After", fmt::format("{}", seconds));
            return response;
        }
        if (need.kind == Need::Kind::kKnown) status = find(request.headers).status();
        if (need.kind == Need::Kind::kRight) {
            status = check(request.headers, need.right, need.model);
        }
        if (status.ok()) return std::nullopt;
        return refusal(status);
    };
}

}  // namespace hf::serve
