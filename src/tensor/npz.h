// NumPy's .npz archives: named arrays in a ZIP file (PKWARE APPNOTE 6.3, without ZIP64 and
// encryption), stored or deflated, each a .npy file (tensor/npy.h).
//
// Every offset and size is checked against the bytes before it is used, checksums are compared, and
// what the archive would unpack to is bounded before memory is taken. Pure.

#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "tensor/tensor.h"

namespace hf {

inline constexpr std::size_t kMaxNpzArrays = 4096;
inline constexpr std::uint64_t kMaxNpzBytes = std::uint64_t{1} << 30;  // unpacked, all arrays

struct NamedArray {
    std::string name;  // without ".npy"
    Tensor tensor;
};

// In the order of the archive. DATA_LOSS when truncated or damaged, INVALID_ARGUMENT when it is no
// archive of arrays, RESOURCE_EXHAUSTED beyond the bounds; each names the entry.
Result<std::vector<NamedArray>> parse_npz(ByteView bytes);

}  // namespace hf
