// What int8 steps share: the table of one output channel's bias and factor, and the fields that
// follow an operation's geometry. Internal to runtime/cpu.

#pragma once

#include "kernels/simd/gemm_i8.h"
#include "runtime/cpu/steps/common.h"

namespace hf::runtime::cpu {

// Four rows of kPanel-rounded channels: bias, multiplier, left shift, right shift.
inline std::size_t padded_to_panel(std::size_t channels) {
    return (channels + kernels::kPanel - 1) / kernels::kPanel * kernels::kPanel;
}
inline std::size_t channel_table_size(std::size_t channels) {
    return 4 * padded_to_panel(channels);
}

// Scratch for an image of 16-bit values; one more than it has is read (gemm_i8.h).
inline std::uint64_t widened_bytes(std::size_t elements) {
    return (elements + 1) * sizeof(std::int16_t);
}

struct IntegerFields {
    std::int32_t in_zero = 0, out_zero = 0, min = -128, max = 127;
};
inline constexpr std::size_t kIntegerFields = 4;

// Each within int8. `first` is where they start in the operation's integers.
Result<IntegerFields> read_integer_fields(const OperationReader& reader, std::size_t first);

struct ChannelTable {
    ChannelTable(const std::int32_t* table, std::size_t channels)
        : bias(table), row(padded_to_panel(channels)) {}

    kernels::Requantize requantize(const IntegerFields& fields) const {
        return {bias + row,      bias + 2 * row, bias + 3 * row,
                fields.out_zero, fields.min,     fields.max};
    }

    const std::int32_t* bias;
    std::size_t row;
};

}  // namespace hf::runtime::cpu
