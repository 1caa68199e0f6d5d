#include "node/servers.h"

#include <algorithm>

#include "base/check.h"
#include "base/text.h"

namespace hf::node {
namespace {

constexpr std::string_view kScheme = "https://";

}  // namespace

Status check_server(std::string_view url) {
    const bool good = url.starts_with(kScheme) && url.size() > kScheme.size() &&
                      url.find_first_of(" ,\t\n") == url.npos;
    if (good) return {};
    return invalid_argument("'{}' is no server's address: want https://HOST[:PORT]", url);
}

Result<std::vector<std::string>> parse_servers(std::string_view list) {
    std::vector<std::string> urls;
    for (std::string_view each : split(list, ',')) {
        each = trim(each);
        while (each.ends_with('/') && each.size() > kScheme.size()) each.remove_suffix(1);
        HF_TRY(check_server(each));
        if (std::find(urls.begin(), urls.end(), each) != urls.end()) {
            return invalid_argument("'{}' is named twice among the servers", each);
        }
        if (urls.size() == kMaxServers) {
            return invalid_argument("more than {} servers; name those that are nearest",
                                    kMaxServers);
        }
        urls.emplace_back(each);
    }
    return urls;
}

Servers::Servers(std::vector<std::string> urls) : urls_(std::move(urls)) {
    HF_CHECK(!urls_.empty(), "a node without a server");
}

std::string Servers::current() const {
    const MutexLock lock(mutex_);
    return urls_[at_];
}

std::size_t Servers::count() const {
    const MutexLock lock(mutex_);
    return urls_.size();
}

void Servers::failed(std::string_view url) {
    const MutexLock lock(mutex_);
    if (urls_[at_] == url) at_ = (at_ + 1) % urls_.size();
}

void Servers::replace(std::vector<std::string> urls) {
    HF_CHECK(!urls.empty(), "a node without a server");
    const MutexLock lock(mutex_);
    const auto same = std::find(urls.begin(), urls.end(), urls_[at_]);
    at_ = same == urls.end() ? 0 : static_cast<std::size_t>(same - urls.begin());
    urls_ = std::move(urls);
}

}  // namespace hf::node
