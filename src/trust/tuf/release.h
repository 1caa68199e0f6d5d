// Whether a target of The Update Framework is what a machine was told to run. Beside the target's
// hash, its custom metadata may say more, under the name "holdfast":
//
//     { "release": 7,                    counts up; a machine never goes below one it has seen
//       "hardwareIds": ["x86_64"],       where it runs; absent: anywhere
//       "nodes": ["press-4"] }           whom it is for; absent: all
//
// Refusals as in refusal.h: tuf-target-mismatch, tuf-release, tuf-hardware-id, tuf-other-device,
// tuf-format. Pure. Thread-safety: values.

#pragma once

#include <cstdint>
#include <string>

#include "base/digest.h"
#include "trust/tuf/metadata.h"

namespace hf::trust::tuf {

// What is about to be run, and where.
struct Installation {
    Digest manifest;
    std::string node;
    std::string hardware_id;
    std::int64_t release_least = 0;  // the highest release of this model that was seen here
};

// The target's release; 0 when it has none.
Result<std::int64_t> check_release(const TargetFile& target, const Installation& installation);

}  // namespace hf::trust::tuf
