#include "http/url.h"

#include <algorithm>
#include <vector>

#include "base/text.h"

namespace hf::http {
namespace {

constexpr std::size_t kMaxUrlBytes = 16u << 10;
constexpr std::uint16_t kPlainPort = 80;
constexpr std::uint16_t kTlsPort = 443;

bool is_digit_or_letter(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_host(std::string_view host, bool bracketed) {
    const std::string_view marks = bracketed ? ":." : ".-_";
    return !host.empty() && std::all_of(host.begin(), host.end(), [&](char c) {
        return is_digit_or_letter(c) || marks.find(c) != std::string_view::npos;
    });
}

// What a request line can carry: visible ASCII.
bool is_sendable(std::string_view target) {
    return std::all_of(target.begin(), target.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

Status parse_authority(std::string_view text, Url& url) {
    if (text.find('@') != std::string_view::npos) {
        return invalid_argument("user names and passwords do not belong in a URL");
    }
    const bool bracketed = text.starts_with('[');
    const std::size_t end = bracketed ? text.find(']') : text.find(':');
    if (bracketed && end == std::string_view::npos) return invalid_argument("'[' without ']'");
    const std::string_view host = text.substr(bracketed, end - (bracketed ? 1 : 0));
    if (!is_host(host, bracketed)) return invalid_argument("'{}' is not a host", host);
    url.host = to_lower(host);
    std::string_view rest = text.substr(std::min(end, text.size()));
    if (bracketed) rest.remove_prefix(1);
    if (rest.empty()) {
        url.port = url.tls ? kTlsPort : kPlainPort;
        return {};
    }
    const Result<std::int64_t> port = parse_int(rest.substr(1));
    if (rest.front() != ':' || !port.ok() || *port < 1 || *port > 65535) {
        return invalid_argument("'{}' is not a port", rest);
    }
    url.port = static_cast<std::uint16_t>(*port);
    return {};
}

Result<Url> parse(std::string_view text) {
    Url url;
    const std::size_t colon = text.find("://");
    const std::string scheme = to_lower(text.substr(0, std::min(colon, text.size())));
    if (colon == std::string_view::npos || (scheme != "http" && scheme != "https")) {
        return invalid_argument("it must begin with http:// or https://");
    }
    url.tls = scheme == "https";
    text.remove_prefix(colon + 3);
    text = text.substr(0, text.find('#'));
    const std::size_t end = std::min(text.find_first_of("/?"), text.size());
    HF_TRY(parse_authority(text.substr(0, end), url));
    url.target = text.substr(end);
    if (!url.target.starts_with('/')) url.target.insert(0, "/");
    if (!is_sendable(url.target)) {
        return invalid_argument("it has characters that must be percent-encoded");
    }
    return url;
}

// RFC 3986, section 5.2.4.
std::string without_dots(std::string_view path) {
    std::vector<std::string> kept;
    const std::vector<std::string_view> parts = split(path.substr(1), '/');
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const bool last = i + 1 == parts.size();
        if (parts[i] == "..") {
            if (!kept.empty()) kept.pop_back();
        } else if (parts[i] != ".") {
            kept.emplace_back(parts[i]);
        }
        if (last && (parts[i] == "." || parts[i] == "..")) kept.emplace_back();
    }
    return "/" + join(kept, "/");
}

}  // namespace

std::string Url::authority() const {
    const bool v6 = host.find(':') != std::string::npos;
    const std::string shown = v6 ? "[" + host + "]" : host;
    return port == (tls ? kTlsPort : kPlainPort) ? shown : fmt::format("{}:{}", shown, port);
}

std::string Url::origin() const {
    return (tls ? "https://" : "http://") + authority();
}

Result<Url> parse_url(std::string_view text) {
    if (text.size() > kMaxUrlBytes) {
        return invalid_argument("a URL of {} bytes; the limit is {}", text.size(), kMaxUrlBytes);
    }
    // What stands in front of an "@" may be a password, which no message repeats.
    return parse(text).context(
        "URL '{}'", text.substr(text.find('@') == std::string_view::npos ? 0 : text.find('@') + 1));
}

Result<Url> resolve(const Url& base, std::string_view reference) {
    reference = reference.substr(0, reference.find('#'));
    const std::size_t colon = reference.find(':');
    if (colon < reference.find_first_of("/?")) return parse_url(reference);
    if (reference.starts_with("//")) {
        return parse_url((base.tls ? "https:" : "http:") + std::string(reference));
    }
    const std::string_view base_path =
        std::string_view(base.target).substr(0, base.target.find('?'));
    std::string target;
    if (reference.empty()) {
        target = base.target;
    } else if (reference.starts_with('?')) {
        target = std::string(base_path) + std::string(reference);
    } else {
        const std::string_view path = reference.substr(0, reference.find('?'));
        const std::string whole =
            path.starts_with('/')
                ? std::string(path)
                : std::string(base_path.substr(0, base_path.rfind('/') + 1)) + std::string(path);
        target = without_dots(whole) + std::string(reference.substr(path.size()));
    }
    return parse_url(base.origin() + target);
}

std::string percent_encode(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (is_digit_or_letter(c) || std::string_view("-._~").find(c) != std::string_view::npos) {
            out.push_back(c);
        } else {
            out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
        }
    }
    return out;
}

}  // namespace hf::http
