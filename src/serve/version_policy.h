// VersionPolicy: which versions of a model are served of those that lie in its folder, as Triton's
// version_policy says it: the latest so many, all, or those that are named. A version is a number
// from 1 on, without leading zeros, as Triton and TensorFlow Serving name its folder; the greatest
// is the latest.
//
// Pure functions over values.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hf::serve {

struct VersionPolicy {
    enum class Kind : unsigned char { kLatest, kAll, kSpecific };
    Kind kind = Kind::kLatest;
    std::size_t latest = 1;                  // of kLatest
    std::vector<std::string> specific = {};  // of kSpecific; the lowest first, each once
};

// "latest" (one), "latest:2", "all", or "1,3". INVALID_ARGUMENT says what is wanted.
Result<VersionPolicy> parse_version_policy(std::string_view text);

// "1" to "9223372036854775807".
bool is_version(std::string_view text);

// Whether `a` is lower. What is no version is lower than those that are, by its bytes.
bool is_lower_version(std::string_view a, std::string_view b);

struct VersionChoice {
    std::vector<std::string> wanted = {};   // the lowest first
    std::vector<std::string> missing = {};  // named, and not there
};

// `there`: in any order; what is no version is left out.
VersionChoice choose_versions(const VersionPolicy& policy, std::vector<std::string> there);

}  // namespace hf::serve
