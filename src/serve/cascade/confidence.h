// How sure a model is of its answer, a number a row: what a cascade goes by when it decides whether
// to ask a larger model.
//
// Of a row of C values:
//     max-softmax      the largest softmax of the values: they are logits
//     max-probability  the largest value: they are probabilities
//     margin           the largest value less the second largest
//     entropy          1 - H / ln C with H the entropy of the values, taken as shares of their sum:
//                      1 where one has all, 0 where all have the same
//     value            the one value of the row
//
// A row with a value that is not a number, or that has no such measure (shares of nothing, a
// negative probability), has confidence NaN; whoever compares takes that for unsure. Pure.

#pragma once

#include <string_view>
#include <vector>

#include "base/status.h"
#include "tensor/tensor.h"

namespace hf::serve::cascade {

enum class Measure : unsigned char { kMaxSoftmax, kMaxProbability, kMargin, kEntropy, kValue };

// INVALID_ARGUMENT names the ones that there are.
Result<Measure> parse_measure(std::string_view name);
std::string_view measure_name(Measure measure);

// A tensor of rank 2 or more has as many rows as its first extent says; of rank 1 it is one row, or
// for `value` as many rows as values. INVALID_ARGUMENT when the tensor holds no real numbers, no
// rows, or rows of a size that the measure is not of.
Result<std::vector<double>> confidences(const Tensor& output, Measure measure);

}  // namespace hf::serve::cascade
