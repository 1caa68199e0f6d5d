// Which blob of a vault a missing one is compared with, when a registry makes deltas: the same file
// of a version that is here under the same name, or was pulled from the same repository.
//
// Reads a Vault; values otherwise. What cannot be read is no base, and nobody's error.

#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "vault/vault.h"

namespace hf::vault {

// Smaller blobs are fetched whole: a request more costs as much as they do.
inline constexpr std::uint64_t kMinDeltaBytes = 64u << 10;

// On an entry without a name: the repository that it was pulled from, by its digest.
inline constexpr std::string_view kRepositoryAnnotation = "dev.holdfast.repository";

// For each path in a model its layer in the version that came last.
using DeltaBases = std::map<std::string, Descriptor, std::less<>>;
DeltaBases find_delta_bases(const Vault& vault, std::string_view repository);

// nullptr when there is none, or the blob is below kMinDeltaBytes.
const Descriptor* base_of(const DeltaBases& bases, const Descriptor& blob);

}  // namespace hf::vault
