// What int8 steps share: the table of one output channel's bias and factor, and the fields that
// follow an operation's geometry. Internal to runtime/cpu.

#pragma once

#include "kernels/simd/gemm_i8.h"
#include "runtime/cpu/steps/common.h"

namespace hf::runtime::cpu {

// Rows of kPanel-rounded channels: bias, the sum of the weights, then multiplier, left shift and
// right shift, or the bits of a factor in single precision.
inline std::size_t padded_to_panel(std::size_t channels) {
    return (channels + kernels::kPanel - 1) / kernels::kPanel * kernels::kPanel;
}
inline std::size_t channel_table_size(std::size_t channels, bool real) {
    return (real ? 3 : 5) * padded_to_panel(channels);
}

// Scratch for an image of 16-bit values; a few more than it has are read (gemm_i8.h).
inline std::uint64_t widened_bytes(std::size_t elements) {
    return (elements + kernels::kGroup - 1) * sizeof(std::int16_t);
}

struct IntegerFields {
    std::int32_t in_zero = 0, out_zero = 0, min = -128, max = 127;
    bool real = false;  // which kind of table
};
inline constexpr std::size_t kIntegerFields = 5;

// The numbers within int8. `first` is where they start in the operation's integers.
Result<IntegerFields> read_integer_fields(const OperationReader& reader, std::size_t first);

struct ChannelTable {
    ChannelTable(const std::int32_t* table, std::size_t channels)
        : row(padded_to_panel(channels)), bias(table), weight_sums(table + row) {}

    kernels::Requantize requantize(const IntegerFields& fields) const {
        kernels::Requantize requantize;
        requantize.zero_point = fields.out_zero;
        requantize.min = fields.min;
        requantize.max = fields.max;
        if (fields.real) {
            requantize.factors = reinterpret_cast<const float*>(bias + 2 * row);
        } else {
            requantize.multipliers = bias + 2 * row;
            requantize.left_shifts = bias + 3 * row;
            requantize.right_shifts = bias + 4 * row;
        }
        return requantize;
    }

    std::size_t row;
    const std::int32_t* bias;
    const std::int32_t* weight_sums;
};

}  // namespace hf::runtime::cpu
