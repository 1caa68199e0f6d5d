// What a model is calibrated and judged with: numbered inputs, read one at a time.

#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "tensor/tensor.h"

namespace hf::runtime {

struct Samples {
    std::size_t count = 0;

    // The tensors of one sample in the order of the model's inputs, each as the model takes it.
    std::function<Result<std::vector<Tensor>>(std::size_t)> read;
};

// Which samples choose the ranges and which judge the result. They are disjoint unless there is
// one sample only.
struct Split {
    std::vector<std::size_t> calibration, held_out;
};

// Every fifth sample of a seeded order, at least one, is held out.
Split split_samples(std::size_t count, std::uint64_t seed);

// Told what is being done now, for people who wait.
using Progress = std::function<void(std::string_view)>;

}  // namespace hf::runtime
