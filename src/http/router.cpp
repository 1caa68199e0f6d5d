#include <algorithm>
#include <future>
#include <optional>
#include <utility>

#include "base/text.h"
#include "http/server.h"

namespace hf::http {
namespace {

using Parts = std::vector<std::string_view>;

Parts parts_of(std::string_view path) {
    return split(path.substr(path.starts_with('/')), '/');
}

bool is_parameter(const std::string& part) {
    return part.size() > 2 && part.front() == '{';
}

bool is_rest(const std::string& part) {
    return is_parameter(part) && part.ends_with("...}");
}

bool ends_in_rest(const std::vector<std::string>& pattern) {
    return !pattern.empty() && is_rest(pattern.back());
}

// How well a pattern fits: more literal parts are better, then not ending in "{rest...}".
using Fit = std::pair<std::size_t, bool>;

std::optional<Fit> fit(const std::vector<std::string>& pattern, const Parts& parts) {
    const bool rest = ends_in_rest(pattern);
    const std::size_t fixed = pattern.size() - (rest ? 1 : 0);
    if (rest ? parts.size() < fixed : parts.size() != fixed) return std::nullopt;
    std::size_t literal = 0;
    for (std::size_t i = 0; i < fixed; ++i) {
        if (is_parameter(pattern[i])) {
            if (parts[i].empty()) return std::nullopt;
        } else if (pattern[i] == parts[i]) {
            ++literal;
        } else {
            return std::nullopt;
        }
    }
    return Fit(literal, !rest);
}

// REQUIRES: the pattern fits.
std::vector<std::pair<std::string, std::string>> parameters_of(
    const std::vector<std::string>& pattern, const Parts& parts) {
    std::vector<std::pair<std::string, std::string>> parameters;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        const std::string& part = pattern[i];
        if (is_rest(part)) {
            const auto from = parts.begin() + static_cast<std::ptrdiff_t>(i);
            parameters.emplace_back(part.substr(1, part.size() - 5),
                                    join(std::vector<std::string>(from, parts.end()), "/"));
        } else if (is_parameter(part)) {
            parameters.emplace_back(part.substr(1, part.size() - 2), parts[i]);
        }
    }
    return parameters;
}

Result<std::string> percent_decode(std::string_view text, bool plus_is_space) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%') {
            const Result<Bytes> byte = from_hex(text.substr(i + 1, 2));
            if (!byte.ok() || byte->size() != 1) return invalid_argument("bad percent-escape");
            out.push_back(static_cast<char>((*byte)[0]));
            i += 2;
        } else {
            out.push_back(text[i] == '+' && plus_is_space ? ' ' : text[i]);
        }
    }
    return out;
}

// The target without scheme and authority, which a client may send though we are no proxy.
std::string_view origin_form(std::string_view target) {
    const std::size_t colon = target.find("://");
    if (target.starts_with('/') || colon == std::string_view::npos) return target;
    const std::size_t slash = target.find('/', colon + 3);
    return slash == std::string_view::npos ? "/" : target.substr(slash);
}

// A path that stands for itself: nothing to decode, no part that is "." or "..", no query. What is
// not that simple may be good all the same.
bool is_plain_path(std::string_view target) {
    return target.starts_with('/') && target.find("/.") == std::string_view::npos &&
           std::all_of(target.begin(), target.end(), [](char c) {
               const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
               return letter || (c >= '0' && c <= '9') || c == '/' || c == '-' || c == '_' ||
                      c == '.';
           });
}

// Each part of the path is decoded by itself, so that an escaped "/" stays inside its part and is
// refused.
Status decode_target(Request& request) {
    if (is_plain_path(request.target)) {
        request.path = request.target;
        return {};
    }
    const std::string_view target = origin_form(request.target);
    const std::size_t question = target.find('?');
    const std::string_view path = target.substr(0, question);
    if (!path.starts_with('/')) return invalid_argument("the request target must begin with /");
    request.path.clear();
    for (std::string_view raw : split(path.substr(1), '/')) {
        const std::string part = HF_TRY(percent_decode(raw, false));
        const bool bad = part == "." || part == ".." || part.find('/') != std::string::npos ||
                         part.find('\0') != std::string::npos || !is_utf8(part);
        if (bad) return invalid_argument("the path has a part that is not a plain UTF-8 name");
        request.path += "/" + part;
    }
    if (question == std::string_view::npos) return {};
    for (std::string_view pair : split(target.substr(question + 1), '&')) {
        const std::size_t equals = std::min(pair.find('='), pair.size());
        std::string key = HF_TRY(percent_decode(pair.substr(0, equals), true));
        std::string value =
            HF_TRY(percent_decode(pair.substr(std::min(equals + 1, pair.size())), true));
        if (!key.empty()) request.query.emplace_back(std::move(key), std::move(value));
    }
    return {};
}

}  // namespace

void Router::add(std::string_view method, std::string_view pattern, Handler handler) {
    const Parts split_at = parts_of(pattern);
    std::vector<std::string> parts(split_at.begin(), split_at.end());
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
        HF_CHECK(!is_rest(parts[i]), "{}: only the last part may end in '...'", pattern);
    }
    const std::size_t size = parts.size();
    const std::size_t at = routes_.size();
    if (ends_in_rest(parts)) {
        of_any_size_.push_back(at);
    } else {
        if (of_size_.size() <= size) of_size_.resize(size + 1);
        of_size_[size].push_back(at);
    }
    routes_.push_back(
        {std::string(method), std::string(pattern), std::move(parts), std::move(handler), {}, {}});
}

void Router::add_deferred(std::string_view method, std::string_view pattern,
                          DeferredHandler handler) {
    add(method, pattern, nullptr);
    routes_.back().deferred = std::move(handler);
}

void Router::add_duplex(std::string_view path, DuplexHandler handler) {
    HF_CHECK(path.find('{') == std::string_view::npos, "{}: want a path without braces", path);
    duplex_paths_.emplace_back(path);
    add("POST", path, nullptr);
    routes_.back().duplex = std::move(handler);
}

bool Router::is_duplex(std::string_view method, std::string_view target) const {
    if (method != "POST") return false;
    const std::string_view path = target.substr(0, target.find('?'));
    return std::find(duplex_paths_.begin(), duplex_paths_.end(), path) != duplex_paths_.end();
}

Router::Match Router::match(std::string_view method, std::string_view path) const {
    const std::string_view wanted = method == "HEAD" ? "GET" : method;
    const Parts parts = parts_of(path);
    Match best;
    const Route* chosen = nullptr;
    Fit closest;
    const auto look = [&](const std::vector<std::size_t>& routes) {
        for (const std::size_t at : routes) {
            const Route& route = routes_[at];
            if (route.method != wanted) continue;
            const std::optional<Fit> close = fit(route.parts, parts);
            if (!close || (chosen && *close <= closest)) continue;
            chosen = &route;
            closest = *close;
        }
    };
    if (parts.size() < of_size_.size()) look(of_size_[parts.size()]);
    look(of_any_size_);
    if (!chosen) {
        best.allow = methods_at(parts);
        return best;
    }
    if (chosen->handler) best.handler = &chosen->handler;
    if (chosen->deferred) best.deferred = &chosen->deferred;
    if (chosen->duplex) best.duplex = &chosen->duplex;
    best.parameters = parameters_of(chosen->parts, parts);
    best.pattern = chosen->pattern;
    return best;
}

std::vector<std::string> Router::methods_at(const std::vector<std::string_view>& parts) const {
    std::vector<std::string> methods;
    for (const Route& route : routes_) {
        if (!fit(route.parts, parts)) continue;
        if (std::find(methods.begin(), methods.end(), route.method) != methods.end()) continue;
        methods.push_back(route.method);
    }
    return methods;
}

namespace {

// Finds what answers the request, and tells it the path's parameters; a response is the answer
// then.
std::optional<Response> refuse(const Router& router, const Gate& gate, Request& request,
                               Router::Match& match) {
    if (const Status status = decode_target(request); !status.ok()) return Response::error(status);
    if (gate) {
        if (std::optional<Response> refusal = gate(request)) return refusal;
    }
    match = router.match(request.method, request.path);
    if (match.handler || match.deferred || match.duplex) {
        if (request.observation) request.observation->routed(match.pattern);
        request.path_parameters = std::move(match.parameters);
        return std::nullopt;
    }
    if (match.allow.empty()) {
        return Response::error(404, fmt::format("nothing is at {}", request.path));
    }
    Response response =
        Response::error(405, fmt::format("{} is not allowed at {}; use {}", request.method,
                                         request.path, join(match.allow, ", ")));
    response.headers.set("Allow", join(match.allow, ", "));
    return response;
}

}  // namespace

void dispatch(const Router& router, Request request, const Gate& gate, const Reply& reply) {
    Router::Match match;
    std::optional<Response> refusal = refuse(router, gate, request, match);
    if (refusal) return reply.send(std::move(*refusal));
    if (match.handler) return reply.send((*match.handler)(request));
    if (match.deferred) {
        return (*match.deferred)(std::make_shared<const Request>(std::move(request)), reply);
    }
    reply.send(Response::error(505, fmt::format("{} is answered over HTTP/2 only", request.path)));
}

Response dispatch(const Router& router, Request request, const Gate& gate) {
    const auto answer = std::make_shared<std::promise<Response>>();
    std::future<Response> answered = answer->get_future();
    dispatch(router, std::move(request), gate,
             Reply([answer](Response response) { answer->set_value(std::move(response)); }));
    return answered.get();
}

Opening open_duplex(const Router& router, Request request, const Gate& gate) {
    Router::Match match;
    std::optional<Response> refusal = refuse(router, gate, request, match);
    if (refusal) return {std::move(*refusal), nullptr};
    if (match.duplex) return (*match.duplex)(request);
    if (match.handler) return {(*match.handler)(request), nullptr};
    return {Response::error(505, fmt::format("{} is not answered while it comes", request.path)),
            nullptr};
}

}  // namespace hf::http
