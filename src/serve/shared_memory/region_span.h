// RegionSpan: where a tensor lies in shared memory, as the parameters of an input or output say it
// in the system shared memory extension. A value.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hf::serve {

// The parameters; the offset may be left out.
inline constexpr std::string_view kRegionName = "shared_memory_region";
inline constexpr std::string_view kRegionOffset = "shared_memory_offset";
inline constexpr std::string_view kRegionByteSize = "shared_memory_byte_size";

struct RegionSpan {
    std::string region = {};      // as it was registered; empty: the tensor is not there
    std::uint64_t offset = 0;     // from the region's beginning
    std::uint64_t byte_size = 0;  // of an output: at most so many

    bool empty() const { return region.empty(); }
};

}  // namespace hf::serve
