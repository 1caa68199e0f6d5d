#include "runtime/cpu/steps/integer.h"

namespace hf::runtime::cpu {

Result<IntegerFields> read_integer_fields(const OperationReader& reader, std::size_t first) {
    for (std::size_t i = first; i < first + 4; ++i) HF_TRY(reader.integer(i, -128, 127));
    const bool real = HF_TRY(reader.integer(first + 4, 0, 1)) == 1;
    const auto at = [&](std::size_t i) {
        return static_cast<std::int32_t>(reader.integer_at(first + i));
    };
    if (at(2) > at(3)) return invalid_argument("bounds {} to {}", at(2), at(3));
    return IntegerFields{at(0), at(1), at(2), at(3), real};
}

}  // namespace hf::runtime::cpu
