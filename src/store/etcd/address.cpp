#include "store/etcd/address.h"

#include <algorithm>

#include "base/text.h"
#include "http/url.h"

namespace hf::store {
namespace {

constexpr std::string_view kDefaultPrefix = "/holdfast/";

std::string_view host_of(std::string_view endpoint) {
    return endpoint.substr(0, endpoint.rfind(':'));
}

Status check_endpoint(std::string_view endpoint) {
    const auto wrong = [&](std::string_view what) {
        return invalid_argument("'{}': {}; want etcd://HOST:PORT[,HOST:PORT...][/PREFIX]", endpoint,
                                what);
    };
    const std::size_t colon = endpoint.rfind(':');
    if (colon == std::string_view::npos || colon == 0 || endpoint.ends_with("]")) {
        return wrong("a member is named by host and port");
    }
    const Result<std::int64_t> port = parse_int(endpoint.substr(colon + 1));
    if (!port.ok() || *port < 1 || *port > 65535) return wrong("the port is a number to 65535");
    const Result<http::Url> url = http::parse_url(fmt::format("http://{}/", endpoint));
    if (!url.ok()) return wrong(url.status().message());
    return {};
}

Result<std::string> prefix_of(std::string_view path) {
    while (path.starts_with('/')) path.remove_prefix(1);
    while (path.ends_with('/')) path.remove_suffix(1);
    if (path.empty()) return std::string(kDefaultPrefix);
    const bool good =
        path.size() <= kMaxEtcdPrefixBytes && std::all_of(path.begin(), path.end(), [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                   c == '-' || c == '_' || c == '.' || c == '/';
        });
    if (!good) {
        return invalid_argument(
            "the prefix '{}': want up to {} letters, digits and any of '-', '_', '.', '/'",
            path.substr(0, kMaxEtcdPrefixBytes), kMaxEtcdPrefixBytes);
    }
    return fmt::format("/{}/", path);
}

}  // namespace

bool EtcdAddress::is_loopback() const {
    return std::all_of(endpoints.begin(), endpoints.end(), [](const std::string& endpoint) {
        const std::string_view host = host_of(endpoint);
        const bool numeric = host.find_first_not_of("0123456789.") == std::string_view::npos;
        return host == "localhost" || host == "[::1]" || (numeric && host.starts_with("127."));
    });
}

Result<EtcdAddress> parse_etcd_address(std::string_view text) {
    if (!text.starts_with(kEtcdScheme)) {
        return invalid_argument("'{}': want etcd://HOST:PORT[,HOST:PORT...][/PREFIX]", text);
    }
    text.remove_prefix(kEtcdScheme.size());
    const std::size_t slash = std::min(text.find('/'), text.size());
    EtcdAddress address;
    for (std::string_view endpoint : split(text.substr(0, slash), ',')) {
        HF_TRY(check_endpoint(endpoint));
        const auto known = std::find(address.endpoints.begin(), address.endpoints.end(), endpoint);
        if (known != address.endpoints.end()) {
            return invalid_argument("the member '{}' is named twice", endpoint);
        }
        address.endpoints.emplace_back(endpoint);
    }
    if (address.endpoints.size() > kMaxEtcdEndpoints) {
        return invalid_argument("{} members; the limit is {}", address.endpoints.size(),
                                kMaxEtcdEndpoints);
    }
    address.prefix = HF_TRY(prefix_of(text.substr(slash)));
    return address;
}

}  // namespace hf::store
