#include "serve/version_policy.h"

#include <algorithm>
#include <tuple>

#include "base/text.h"

namespace hf::serve {
namespace {

constexpr std::int64_t kLatestMax = 1024;
constexpr std::size_t kSpecificMax = 1024;

Status not_a_policy(std::string_view text) {
    return invalid_argument(
        "'{}' says not which versions: want latest, latest:N (N of 1 to {}), all, or numbers of "
        "versions, as in 1,3",
        text.substr(0, 64), kLatestMax);
}

}  // namespace

Result<VersionPolicy> parse_version_policy(std::string_view text) {
    constexpr std::string_view kLatest = "latest";
    VersionPolicy policy;
    if (text == kLatest) return policy;
    if (text == "all") {
        policy.kind = VersionPolicy::Kind::kAll;
        return policy;
    }
    if (text.starts_with("latest:")) {
        const Result<std::int64_t> count = parse_int(text.substr(kLatest.size() + 1));
        if (!count.ok() || *count < 1 || *count > kLatestMax) return not_a_policy(text);
        policy.latest = static_cast<std::size_t>(*count);
        return policy;
    }
    policy.kind = VersionPolicy::Kind::kSpecific;
    for (const std::string_view version : split(text, ',')) {
        if (!is_version(version)) return not_a_policy(text);
        policy.specific.emplace_back(version);
    }
    std::vector<std::string>& named = policy.specific;
    std::sort(named.begin(), named.end(), is_lower_version);
    named.erase(std::unique(named.begin(), named.end()), named.end());
    if (named.size() <= kSpecificMax) return policy;
    return resource_exhausted("{} versions of one model are named, over the limit of {}",
                              named.size(), kSpecificMax);
}

bool is_version(std::string_view text) {
    const bool begins = !text.empty() && text.front() >= '1' && text.front() <= '9';
    return begins && parse_int(text).ok();
}

bool is_lower_version(std::string_view a, std::string_view b) {
    const auto key = [](std::string_view text) {
        return std::tuple(is_version(text), is_version(text) ? text.size() : 0, text);
    };
    return key(a) < key(b);
}

VersionChoice choose_versions(const VersionPolicy& policy, std::vector<std::string> there) {
    std::erase_if(there, [](const std::string& name) { return !is_version(name); });
    std::sort(there.begin(), there.end(), is_lower_version);
    VersionChoice choice;
    switch (policy.kind) {
        case VersionPolicy::Kind::kAll: choice.wanted = std::move(there); break;
        case VersionPolicy::Kind::kLatest: {
            const std::size_t left_out = there.size() - std::min(there.size(), policy.latest);
            choice.wanted.assign(
                std::make_move_iterator(there.begin() + static_cast<std::ptrdiff_t>(left_out)),
                std::make_move_iterator(there.end()));
            break;
        }
        case VersionPolicy::Kind::kSpecific:
            for (const std::string& version : policy.specific) {
                const bool is_there =
                    std::binary_search(there.begin(), there.end(), version, is_lower_version);
                (is_there ? choice.wanted : choice.missing).push_back(version);
            }
    }
    return choice;
}

}  // namespace hf::serve
