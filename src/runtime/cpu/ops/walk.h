// How the operands of an elementwise operation walk over its result: broadcasting as outer x inner
// elements, where each operand has both extents, one of them or none. Internal to runtime/cpu.

#pragma once

#include <optional>
#include <vector>

#include "runtime/cpu/lower.h"

namespace hf::runtime::cpu {

// 1 where the operand has the extent, 0 where it repeats.
struct Walk {
    std::int64_t outer, inner;
};

struct Walks {
    std::int64_t outer, inner;  // extents
    std::vector<Walk> operands;
};

// For the first `operands` inputs. UNIMPLEMENTED when one split does not suit them all, or the
// output is empty.
Result<Walks> walks_of(const NodeView& view, std::size_t operands);

}  // namespace hf::runtime::cpu
