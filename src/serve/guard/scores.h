// The scores of a guard, of tensors of 32-bit floats; greater is more suspicious. The first axis
// numbers rows where there are two or more, and the score of a tensor is that of its worst row. NaN
// where it cannot be told: a tensor of another type or width, or without rows.
//
// Pure. The papers are named in guard.h.

#pragma once

#include <vector>

#include "serve/guard/guard.h"
#include "tensor/tensor.h"

namespace hf::serve::guard {

double energy_of(const Tensor& logits, double temperature);

// What a layer says of each row, one after the other. Empty where the layer is of another type.
struct Features {
    std::size_t width = 0;
    std::vector<float> values;
};
Features features_of(const Tensor& layer, Reduce reduce);

// The least squared distance from the centres.
double distance_of(const Mahalanobis& part, const Tensor& layer);

// Between the probabilities of two answers to as many rows: 0 to 2.
double disagreement_of(const Tensor& answer, const Tensor& other, bool softmax);

// The images with fewer values, or smoothed by medians as scipy.ndimage.median_filter does: edges
// repeat, of an even number the upper of the middle two. REQUIRES: f32; for a median, four axes.
Tensor squeeze(const Tensor& images, const Squeezer& squeezer);

}  // namespace hf::serve::guard
