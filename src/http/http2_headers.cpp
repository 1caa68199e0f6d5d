#include "http/http2_headers.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "http/framing.h"

namespace hf::http {
namespace {

// Of the connection, which HTTP/2 does not speak of in fields (RFC 9113 section 8.2.2), or set
// here.
bool is_ours(std::string_view lower_name) {
    constexpr std::array<std::string_view, 6> kNames{"connection",       "keep-alive",
                                                     "proxy-connection", "transfer-encoding",
                                                     "upgrade",          "content-length"};
    return std::find(kNames.begin(), kNames.end(), lower_name) != kNames.end();
}

}  // namespace

Result<Request> request_of(HeaderList list) {
    Request request;
    request.version = 2;
    std::string authority;
    std::size_t hosts = 0;
    for (auto& [name, value] : list) {
        if (name == ":method") {
            request.method = std::move(value);
        } else if (name == ":path") {
            request.target = std::move(value);
        } else if (name == ":authority") {
            authority = std::move(value);
        } else if (!name.starts_with(':')) {
            hosts += name == "host";
            request.headers.add(std::move(name), std::move(value));
        }
    }
    if (request.method == "CONNECT") return invalid_argument("CONNECT is not offered here");
    const std::string host(request.headers.get("host").value_or(authority));
    const bool contradicts = !authority.empty() && to_lower(host) != to_lower(authority);
    if (hosts > 1 || host.empty() || contradicts) {
        return invalid_argument("want exactly one host, in :authority or in Host");
    }
    if (hosts == 0) request.headers.add("host", host);
    return request;
}

HeaderList list_of(const Response& response, BodyForm form) {
    HeaderList list;
    list.reserve(response.headers.all().size() + 2);
    list.emplace_back(":status", fmt::format("{}", response.status));
    for (const auto& [name, value] : response.headers.all()) {
        std::string lower = to_lower(name);
        if (!is_ours(lower)) list.emplace_back(std::move(lower), trim(value));
    }
    const std::optional<std::uint64_t> declared = declared_length(response);
    if (declared && form != BodyForm::kWhole) {
        list.emplace_back("content-length", fmt::format("{}", *declared));
    } else if (form != BodyForm::kPieces && response.trailers.all().empty() &&
               response.status != 204 && response.status != 304) {
        list.emplace_back("content-length", fmt::format("{}", response.body.size()));
    }
    return list;
}

HeaderList list_of(const Headers& trailers) {
    HeaderList list;
    for (const auto& [name, value] : trailers.all()) {
        std::string lower = to_lower(name);
        const bool sendable = is_header_name(name) && is_header_value(value) && !is_ours(lower);
        if (sendable) list.emplace_back(std::move(lower), trim(value));
    }
    return list;
}

}  // namespace hf::http
