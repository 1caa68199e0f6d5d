// Where an etcd is, as people write it:
//
//     etcd://127.0.0.1:2379
//     etcd://one:2379,two:2379,three:2379/factory
//
// the client URLs of its members, and the prefix under which all keys of the store lie ("holdfast"
// unless given). An etcd is for Holdfast alone, but several stores may share one under prefixes of
// their own.
//
// Pure values. Errors: INVALID_ARGUMENT with the part that is wrong.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hf::store {

inline constexpr std::string_view kEtcdScheme = "etcd://";
inline constexpr std::size_t kMaxEtcdEndpoints = 9;
inline constexpr std::size_t kMaxEtcdPrefixBytes = 128;

struct EtcdAddress {
    std::vector<std::string> endpoints;  // "127.0.0.1:2379", "[::1]:2379"
    std::string prefix;                  // "/holdfast/"

    // Every endpoint is this machine itself: "localhost", 127.0.0.0/8 or ::1.
    bool is_loopback() const;

    friend bool operator==(const EtcdAddress&, const EtcdAddress&) = default;
};

Result<EtcdAddress> parse_etcd_address(std::string_view text);

}  // namespace hf::store
