#include "vault/registry_protocol.h"

#include <algorithm>

#include "base/json.h"
#include "base/text.h"
#include "http/url.h"
#include "vault/reference.h"

namespace hf::vault {
namespace {

using Parts = std::vector<std::string_view>;

constexpr std::size_t kShownBytes = 120;  // of what a client sent, in errors

std::string shown(std::string_view text) {
    return std::string(text.substr(0, kShownBytes));
}

RegistryPath refuse(int status, std::string_view code, std::string message) {
    return {{}, RegistryError{status, std::string(code), std::move(message)}};
}

RegistryPath refuse_path(std::string_view rest) {
    return refuse(404, "NAME_UNKNOWN",
                  fmt::format("/v2/{} is no endpoint of a registry", shown(rest)));
}

std::optional<RegistryError> read_digest(std::string_view text, std::optional<Digest>& out) {
    const Result<Digest> digest = Digest::parse(text);
    if (!digest.ok()) {
        return RegistryError{400, "DIGEST_INVALID",
                             fmt::format("'{}' is no digest: want sha256: and 64 lower-case "
                                         "hexadecimal digits",
                                         shown(text))};
    }
    out = *digest;
    return std::nullopt;
}

// Takes `count` parts off the end; what is left is the name.
RegistryPath named(RegistryObject object, const Parts& parts, std::size_t count) {
    RegistryPath path;
    path.request.object = object;
    for (std::size_t i = 0; i + count < parts.size(); ++i) {
        if (i > 0) path.request.name += "/";
        path.request.name += parts[i];
    }
    if (!is_repository_name(path.request.name)) {
        return refuse(400, "NAME_INVALID",
                      fmt::format("'{}' is no name of a repository: want lower-case letters, "
                                  "digits, and single '.', '_', '-' or '/' between them",
                                  shown(path.request.name)));
    }
    return path;
}

RegistryPath manifest_path(const Parts& parts) {
    RegistryPath path = named(RegistryObject::kManifest, parts, 2);
    if (path.error) return path;
    const std::string_view reference = parts.back();
    if (reference.find(':') != std::string_view::npos) {
        path.error = read_digest(reference, path.request.digest);
    } else if (is_tag(reference)) {
        path.request.tag = reference;
    } else {
        return refuse(404, "MANIFEST_UNKNOWN",
                      fmt::format("'{}' is neither tag nor digest", shown(reference)));
    }
    return path;
}

RegistryPath digest_path(RegistryObject object, const Parts& parts) {
    RegistryPath path = named(object, parts, 2);
    if (!path.error) path.error = read_digest(parts.back(), path.request.digest);
    return path;
}

RegistryPath delta_path(const Parts& parts) {
    RegistryPath path = named(RegistryObject::kDelta, parts, 3);
    if (!path.error) path.error = read_digest(parts[parts.size() - 2], path.request.base);
    if (!path.error) path.error = read_digest(parts.back(), path.request.digest);
    return path;
}

std::optional<std::uint64_t> number(std::string_view text) {
    const bool digits = !text.empty() && std::all_of(text.begin(), text.end(),
                                                     [](char c) { return c >= '0' && c <= '9'; });
    if (!digits) return std::nullopt;
    const Result<std::int64_t> value = parse_int(text);
    // More digits than a number has: beyond any end.
    return value.ok() ? static_cast<std::uint64_t>(*value) : UINT64_MAX;
}

bool range_allows(std::string_view range, std::string_view media_type) {
    const std::string_view type = trim(range.substr(0, range.find(';')));
    if (type == "*/*" || type == "*") return true;
    if (type.ends_with("/*")) {
        return to_lower(media_type).starts_with(to_lower(type.substr(0, type.size() - 1)));
    }
    return to_lower(type) == to_lower(media_type);
}

}  // namespace

http::Response RegistryError::response() const {
    const json::Object error{{"code", code}, {"message", message}};
    return http::Response::json(status,
                                json::write(json::Object{{"errors", json::Array{error}}}) + "\n");
}

RegistryError registry_error(const Status& status, std::string_view unknown) {
    const std::string message(status.message());
    switch (status.code()) {
        case Code::kNotFound: return {404, std::string(unknown), message};
        case Code::kUnauthenticated: return {401, "UNAUTHORIZED", message};
        case Code::kPermissionDenied: return {403, "DENIED", message};
        case Code::kResourceExhausted:
        case Code::kUnavailable: return {503, "TOOMANYREQUESTS", message};
        case Code::kInvalidArgument: return {500, "MANIFEST_INVALID", message};
        default: return {500, "UNKNOWN", message};
    }
}

RegistryPath parse_registry_path(std::string_view rest) {
    if (rest.empty()) return {};
    if (rest == "_catalog") return {{RegistryObject::kCatalog, {}, {}, {}, {}}, {}};
    const Parts parts = split(rest, '/');
    const std::size_t count = parts.size();
    // Where an upload's own part stands, nothing or whatever a registry chose follows.
    for (const std::size_t back : {2U, 3U}) {
        if (count <= back || parts[count - back] != "blobs") continue;
        if (parts[count - back + 1] == "uploads")
            return named(RegistryObject::kUpload, parts, back);
    }
    if (count < 3) return refuse_path(rest);
    const std::string_view kind = parts[count - 2];
    if (kind == "manifests") return manifest_path(parts);
    if (kind == "blobs") return digest_path(RegistryObject::kBlob, parts);
    if (kind == "referrers") return digest_path(RegistryObject::kReferrers, parts);
    if (kind == "tags" && parts.back() == "list") return named(RegistryObject::kTags, parts, 2);
    if (count > 3 && parts[count - 3] == "deltas") return delta_path(parts);
    return refuse_path(rest);
}

Result<std::optional<ByteRange>> parse_range(std::string_view header, std::uint64_t size) {
    using Range = std::optional<ByteRange>;
    constexpr std::string_view kUnit = "bytes=";
    if (to_lower(header.substr(0, kUnit.size())) != kUnit) return Range();
    const std::string_view set = trim(header.substr(kUnit.size()));
    if (set.find(',') != std::string_view::npos) {
        return out_of_range("several ranges at once are not served; ask for one at a time");
    }
    const std::size_t dash = set.find('-');
    if (dash == std::string_view::npos) return Range();
    const std::optional<std::uint64_t> first = number(set.substr(0, dash));
    const std::optional<std::uint64_t> last = number(set.substr(dash + 1));
    if (dash == 0) {
        if (!last) return Range();
        if (*last == 0 || size == 0) return out_of_range("the last {} of {} bytes", *last, size);
        const std::uint64_t suffix = std::min(*last, size);
        return Range({size - suffix, suffix});
    }
    const bool open = dash + 1 == set.size();
    if (!first || (!last && !open) || (last && *last < *first)) return Range();
    if (*first >= size) {
        return out_of_range("the range begins at {}, and there are {} bytes", *first, size);
    }
    const std::uint64_t end = open ? size : std::min(size - 1, *last) + 1;
    return Range({*first, end - *first});
}

bool accepts(const http::Headers& headers, std::string_view media_type) {
    bool any = false;
    for (const auto& [name, value] : headers.all()) {
        if (to_lower(name) != "accept" || trim(value).empty()) continue;
        any = true;
        for (std::string_view range : split(value, ',')) {
            if (range_allows(range, media_type)) return true;
        }
    }
    return !any;
}

Result<Page> page_of(std::vector<std::string> entries, const http::Request& request) {
    std::sort(entries.begin(), entries.end());
    Page page;
    std::uint64_t count = entries.size();
    if (const std::optional<std::string_view> n = request.query_value("n")) {
        const std::optional<std::uint64_t> wanted = number(*n);
        if (!wanted) return invalid_argument("n is '{}': want a count", shown(*n));
        count = *wanted;
    }
    auto from = entries.begin();
    if (const std::optional<std::string_view> last = request.query_value("last")) {
        from = std::upper_bound(entries.begin(), entries.end(), *last);
    }
    const auto left = static_cast<std::uint64_t>(entries.end() - from);
    const auto to = from + static_cast<std::ptrdiff_t>(std::min(count, left));
    page.more = count > 0 && to != entries.end();
    page.entries.assign(from, to);
    return page;
}

std::string link_to_next(const Page& page, std::string_view path) {
    HF_CHECK(!page.entries.empty(), "a page without entries leads nowhere");
    return fmt::format("<{}?n={}&last={}>; rel=\"next\"", path, page.entries.size(),
                       http::percent_encode(page.entries.back()));
}

}  // namespace hf::vault
