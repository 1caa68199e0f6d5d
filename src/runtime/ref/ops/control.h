// What Loop, Scan and SequenceMap share: bounded collections of what a body gives at each trip.
// Internal to runtime/ref.

#pragma once

#include "runtime/ref/ops/common.h"

namespace hf::runtime::ref {

// One truth value.
Result<bool> truth(const Tensor& tensor);

// Tensors of one type, one a trip. No more than kMaxTensorBytes in all.
class Trips final {
public:
    // INVALID_ARGUMENT when it is no tensor or its type differs from the others'.
    Status add(const Datum& datum);

    // Along a new axis. Without trips, an empty tensor of what the body declares.
    Result<Tensor> stacked(std::int64_t axis, const graph::Value& declared) const;

    void reverse();
    Sequence take() { return std::move(tensors_); }

private:
    Sequence tensors_;
    std::uint64_t bytes_ = 0;
};

}  // namespace hf::runtime::ref
