// Reading quantised graphs: which values are dequantised from what, and what quantises them again.
// Internal to passes.

#pragma once

#include <optional>
#include <vector>

#include "passes/editor.h"

namespace hf::passes {

// real = scale * (stored - zero), one for the whole tensor, stored as i8.
struct Affine {
    float scale = 1;
    std::int64_t zero = 0;

    bool operator==(const Affine&) const = default;
    std::int64_t stored(float real) const;  // within i8; ties to even
};

// The parameters of a QuantizeLinear or DequantizeLinear between f32 and i8 with constant ones.
std::optional<Affine> affine_of(const Editor& editor, const graph::Node& node);

// A value that is dequantised from an i8 one.
struct Dequantized {
    graph::ValueId stored = graph::kNoValue;
    Affine affine;
};
std::optional<Dequantized> dequantized(const Editor& editor, graph::ValueId real);

// Constant i8 weights with one scale for each of `channels`, along `axis`. Those of u8 with the
// zero point 128 are the same numbers.
struct QuantizedWeights {
    Tensor stored;
    std::vector<float> scales;
};
std::optional<QuantizedWeights> quantized_weights(const Editor& editor, graph::ValueId real,
                                                  std::size_t axis);

// What stands behind a value: perhaps a Relu or Clip, then the QuantizeLinear to i8 that is the
// only taker. The bounds are the activation's, as stored.
struct QuantizedEnd {
    std::vector<std::size_t> nodes;  // to erase; the last is the QuantizeLinear
    graph::ValueId output = graph::kNoValue;
    Affine affine;
    std::int64_t min = -128, max = 127;

    std::size_t last() const { return nodes.back(); }
};
std::optional<QuantizedEnd> quantized_end(const Editor& editor, graph::ValueId real);

// Makes u8 values between a QuantizeLinear and DequantizeLinears i8: zero points move by 128, and
// so does what is stored.
void make_signed(Editor& editor);

}  // namespace hf::passes
