// How one axis is resampled: which input elements make each output element, with which weights.
// After the ONNX operator Resize, whose standard defines coordinates, rounding and filters.
// Internal to runtime/ref.

#pragma once

#include <string>
#include <utility>
#include <vector>

#include "runtime/ref/ops/common.h"

namespace hf::runtime::ref {

// What the axes of one node have in common.
struct ResizeStyle {
    std::string mode;         // "nearest", "linear" or "cubic"
    std::string coordinates;  // coordinate_transformation_mode
    std::string rounding;     // nearest_mode, or "simple": up when shrinking, else down
    double cubic_a = -0.75;
    bool exclude_outside = false;
    bool antialias = false;
};

struct ResizeAxis {
    std::int64_t in = 0;
    std::int64_t out = 0;
    double scale = 1;
    double crop_start = 0, crop_end = 1;  // for tf_crop_and_resize, as fractions
};

// The taps of one output element; none when it lies outside the crop.
using Taps = std::vector<std::pair<std::int64_t, double>>;

// UNIMPLEMENTED for a mode that is not in the standard.
Status check_style(const ResizeStyle& style);

// One entry an output element. REQUIRES: check_style() passed; in > 0 where out > 0.
std::vector<Taps> taps_of(const ResizeStyle& style, const ResizeAxis& axis);

}  // namespace hf::runtime::ref
