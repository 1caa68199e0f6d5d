// Golden inputs and outputs: what a model answered on the reference device when it was pushed. A
// machine that compiled the model for its own chip reproduces them before it serves.
//
// Format, `application/vnd.holdfast.golden.v1+json`:
//
//     {"format": "holdfast.golden.v1", "device": "ref", "seed": 7, "samples": [
//       {"model": "small",
//        "inputs":  [{"name", "dtype", "shape", "data"}],
//        "outputs": [{"name", "dtype", "shape", "data", "rtol", "atol"}]}]}
//
// `model` is the member of the artifact's ensemble that answered; left out where it holds one
// model. `data` is the base64 of the little-endian elements, row-major; of strings a list of base64
// texts. An output is reproduced when |got - want| <= atol + rtol * |want| for every element; NaN
// equals NaN, and an infinity only itself.
//
// Pure; values.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "tensor/tensor.h"

namespace hf::vault {

inline constexpr std::uint64_t kMaxGoldenBytes = 64u << 20;
inline constexpr std::size_t kMaxGoldenSamples = 64;
inline constexpr std::size_t kMaxGoldenTensors = 256;  // a sample

struct Tolerance {
    double rtol = 0;
    double atol = 0;
};

struct GoldenInput {
    std::string name;
    Tensor tensor;
};

struct GoldenOutput {
    std::string name;
    Tensor tensor;
    Tolerance tolerance;
};

struct GoldenSample {
    std::vector<GoldenInput> inputs;    // in the signature's order
    std::vector<GoldenOutput> outputs;  // likewise
    std::string model = {};             // an ensemble's member, by its name; else empty
};

struct Golden {
    std::string device;  // that made the outputs
    std::uint64_t seed = 0;
    std::vector<GoldenSample> samples;
};

// RESOURCE_EXHAUSTED when the text would be longer than kMaxGoldenBytes.
Result<std::string> write_golden(const Golden& golden);

// INVALID_ARGUMENT names the tensor and what is wrong with it.
Result<Golden> parse_golden(ByteView bytes);

// How far another device may be off: floats by a thousandth of the value and a hundred-thousandth
// of the largest one; 8-bit integers, which are quantised numbers, by one step; others not at all.
Tolerance default_tolerance(const Tensor& want);

// FAILED_PRECONDITION names the output and the first element that differs, and says by how much.
Status check_reproduced(const GoldenOutput& want, const Tensor& got);

}  // namespace hf::vault
