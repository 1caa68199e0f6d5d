// Weights and their fine-tunes, for tests and benches of what depends on how weights change.
//
// Generated weights come from a normal distribution, as trained layers mostly have it. A fine-tune
// adds normal noise of `noise` times the weights' deviation to each, and rounds again: int8 at the
// scale that it has, so that the share of changed weights follows from the noise (0.001: about 2 %,
// 0.01: about 20 %). It models one short training run from a base; it is not one.
//
// Pure; randomness comes from the caller.

#pragma once

#include <span>

#include "base/bytes.h"
#include "base/rng.h"

namespace hf::testing {

enum class Stored : unsigned char { kI8, kU8, kI32, kBF16, kF32 };
std::size_t stored_size(Stored type);

// A weight in units of the deviation. kI8: in steps of kInt8Step times `scale`; reals: times 0.02.
inline constexpr double kInt8Step = 4.5 / 127;  // the largest of some millions is at 4.5 to 5
void append_weight(double weight, Stored type, Bytes& out, double scale = 1);

// Fine-tunes stored weights where they lie. Integers had a fraction before they were rounded: it is
// drawn, uniformly.
void fine_tune(std::span<std::uint8_t> weights, Stored type, double noise, Rng& rng);

}  // namespace hf::testing
