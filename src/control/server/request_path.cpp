#include "control/server/request_path.h"

#include <vector>

#include "base/text.h"

namespace hf::control {

std::string RequestPath::access_resource() const {
    return subresource.empty() ? resource : resource + "/" + subresource;
}

std::optional<RequestPath> parse_request_path(std::string_view path) {
    if (!path.starts_with('/')) return std::nullopt;
    std::vector<std::string_view> parts = split(path.substr(1), '/');
    if (parts.back().empty()) parts.pop_back();  // "/apis/" is "/apis"
    std::size_t at = 0;
    const auto take = [&]() -> std::string {
        return at < parts.size() ? std::string(parts[at++]) : std::string();
    };
    const std::string root = take();
    if (root != "api" && root != "apis") return std::nullopt;
    RequestPath result;
    if (root == "apis") result.group = take();
    result.version = take();
    // "namespaces/NAME" alone is the Namespace; with more, it is where the rest lies.
    const bool inside = at + 2 < parts.size() && parts[at] == "namespaces";
    if (inside) {
        take();
        result.ns = take();
    }
    result.resource = take();
    result.name = take();
    result.subresource = take();
    if (at < parts.size()) return std::nullopt;
    for (std::string_view part : parts) {
        if (part.empty()) return std::nullopt;
    }
    return result;
}

std::string_view verb_of(std::string_view method, const RequestPath& path, bool watching) {
    if (method == "GET" || method == "HEAD") {
        if (watching) return "watch";
        return path.name.empty() ? "list" : "get";
    }
    if (method == "POST") return "create";
    if (method == "PUT") return "update";
    if (method == "PATCH") return "patch";
    if (method == "DELETE") return path.name.empty() ? "deletecollection" : "delete";
    return {};
}

bool is_yes(std::string_view text) {
    return text == "1" || text == "t" || text == "T" || text == "true" || text == "True" ||
           text == "TRUE";
}

}  // namespace hf::control
