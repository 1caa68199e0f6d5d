// oneDNN against our own kernels, on the same operations and the same memory: random shapes, every
// fused activation, addresses that no vector is aligned to, many threads.

#include "runtime/cpu/steps/library.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <thread>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "kernels/simd/gemm_f32.h"
#include "runtime/cpu/steps/common.h"
#include "runtime/cpu/steps/image.h"
#include "testing/script.h"

namespace hf::runtime::cpu {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr std::int64_t kMemoryBytes = 8 << 20;

// An operation and the memory that it runs in. Every operand starts so many bytes past a multiple
// of 64.
class Trial final {
public:
    Trial(std::string_view kernel, std::uint64_t misalignment) : misalignment_(misalignment) {
        operation.name = "tested";
        operation.kernel = find_kernel(kernel);
    }

    void add_input(Place place, const Shape& shape, Rng& rng) {
        Tensor& memory = place == Place::kWeights ? weights_ : arena_;
        operation.inputs.push_back({place, DType::kF32, shape, reserve(shape, sizeof(float))});
        std::uint8_t* to = memory.mutable_bytes().data() + operation.inputs.back().offset;
        for (std::int64_t i = 0; i < shape.elements(); ++i, to += sizeof(float)) {
            const auto value = static_cast<float>(rng.uniform() * 2 - 1);
            std::memcpy(to, &value, sizeof(float));
        }
    }
    void omit_input() { operation.inputs.emplace_back(); }
    void add_output(const Shape& shape) {
        operation.outputs.push_back(
            {Place::kArena, DType::kF32, shape, reserve(shape, sizeof(float))});
    }
    void add_scratch(std::uint64_t bytes) {
        if (bytes == 0) return;
        const Shape shape{static_cast<std::int64_t>(bytes)};
        operation.scratch = {Place::kArena, DType::kU8, shape, reserve(shape, 1)};
    }

    const std::uint8_t* weights() const { return weights_.bytes().data(); }

    std::vector<float> run(const Step& step) const {
        Tensor arena = Tensor::of<std::uint8_t>(DType::kU8, arena_.shape(), arena_.bytes());
        std::uint8_t* memory = arena.mutable_bytes().data();
        const Status status = step.run({memory, weights(), {}, {}});
        EXPECT_TRUE(status.ok()) << status.to_string();
        const Operand& out = operation.outputs[0];
        std::vector<float> values(static_cast<std::size_t>(out.shape.elements()));
        std::memcpy(values.data(), memory + out.offset, out.size_bytes());
        return values;
    }

    Operation operation;

private:
    std::uint64_t reserve(const Shape& shape, std::uint64_t element) {
        const std::uint64_t offset = (end_ + 63) / 64 * 64 + misalignment_;
        end_ = offset + static_cast<std::uint64_t>(shape.elements()) * element;
        EXPECT_LE(end_, static_cast<std::uint64_t>(kMemoryBytes));
        return offset;
    }

    std::uint64_t misalignment_, end_ = 0;
    Tensor arena_{DType::kU8, Shape{kMemoryBytes}};
    Tensor weights_{DType::kU8, Shape{kMemoryBytes}};
};

std::string describe(const Operation& operation) {
    std::string text(operation.kernel->name);
    for (const Operand& input : operation.inputs) text += " [" + input.shape.to_string() + "]";
    text += " to [" + operation.outputs[0].shape.to_string() + "], integers";
    for (const std::int64_t integer : operation.ints) text += fmt::format(" {}", integer);
    return text;
}

void expect_near(const std::vector<float>& got, const std::vector<float>& want,
                 const std::string& what) {
    float largest = 1;
    for (const float value : want) largest = std::max(largest, std::abs(value));
    for (std::size_t i = 0; i < want.size(); ++i) {
        ASSERT_NEAR(got[i], want[i], 1e-5f * largest) << what << " element " << i;
    }
}

// Makes the step twice, by us and by the library; compares them, and the library with itself in
// another thread. False when the library declines.
bool judge(Trial& trial) {
    const std::string what = describe(trial.operation);
    const auto choice = trial.operation.kernel->by_library(trial.operation);
    if (!choice.ok()) {
        EXPECT_EQ(choice.status().code(), Code::kUnimplemented) << choice.status().to_string();
        return false;
    }
    trial.add_scratch(choice->scratch_bytes() + (1 << 20));
    const auto own = trial.operation.kernel->make(trial.operation);
    const auto library = make_library_step(trial.operation, trial.weights());
    EXPECT_TRUE(own.ok()) << what << ": " << own.status().to_string();
    EXPECT_TRUE(library.ok()) << what << ": " << library.status().to_string();
    if (!own.ok() || !library.ok()) return false;
    const std::vector<float> got = trial.run(**library);
    expect_near(got, trial.run(**own), what + " " + choice->implementation());
    std::thread([&] {
        const std::vector<float> again = trial.run(**library);
        EXPECT_EQ(std::memcmp(again.data(), got.data(), got.size() * sizeof(float)), 0) << what;
    }).join();
    return true;
}

std::int64_t between(Rng& rng, std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(high - low + 1)));
}

std::vector<float> random_clamp(Rng& rng) {
    switch (rng.below(3)) {
        case 0: return {-kInfinity, kInfinity};
        case 1: return {0, kInfinity};
        default: return {-0.5f, 0.75f};
    }
}

Trial random_conv(Rng& rng) {
    Trial trial("onednn.conv_f32", rng.below(2) * sizeof(float));
    Operation& operation = trial.operation;
    operation.ints.resize(kGeometryFields);
    for (const std::size_t field : {kStrideY, kStrideX, kDilationY, kDilationX}) {
        operation.ints[field] = between(rng, 1, 2);
    }
    for (const std::size_t field : {kTop, kLeft, kBottom, kRight}) {
        operation.ints[field] = between(rng, 0, 2);
    }
    operation.ints[kKernelY] = between(rng, 1, 4);
    operation.ints[kKernelX] = between(rng, 1, 4);
    const std::int64_t group = rng.below(3) == 0 ? 2 : 1;
    operation.ints[kGroup] = group;
    const std::int64_t batch = between(rng, 1, 2), in = group * between(rng, 1, 20);
    const std::int64_t columns = group == 1 ? between(rng, 1, 40) : 16 * between(rng, 1, 2);
    const std::int64_t height = between(rng, 7, 20), width = between(rng, 7, 20);
    const auto positions = [&](std::int64_t size, std::size_t before, std::size_t after,
                               std::size_t axis) {
        const std::int64_t reach =
            (operation.ints[kKernelY + axis] - 1) * operation.ints[kDilationY + axis] + 1;
        return (size + operation.ints[before] + operation.ints[after] - reach) /
                   operation.ints[kStrideY + axis] +
               1;
    };
    const Shape out{batch, positions(height, kTop, kBottom, 0), positions(width, kLeft, kRight, 1),
                    group * columns};
    const auto depth =
        static_cast<std::size_t>(operation.ints[kKernelY] * operation.ints[kKernelX] * in / group);
    const std::size_t packed = kernels::packed_size_f32(static_cast<std::size_t>(columns), depth);
    const std::size_t bias = kernels::packed_columns(static_cast<std::size_t>(columns));
    trial.add_input(Place::kArena, Shape{batch, height, width, in}, rng);
    trial.add_input(Place::kWeights, Shape{group * static_cast<std::int64_t>(packed)}, rng);
    trial.add_input(Place::kWeights, Shape{group * static_cast<std::int64_t>(bias)}, rng);
    if (rng.below(2) == 0) {
        trial.add_input(Place::kArena, out, rng);
    } else {
        trial.omit_input();
    }
    trial.add_output(out);
    operation.floats = random_clamp(rng);
    return trial;
}

TEST(LibrarySteps, ConvolutionsAgreeWithOurs) {
    Rng rng(testing::seed());
    int done = 0;
    for (int round = 0; round < 60; ++round) {
        Trial trial = random_conv(rng);
        done += judge(trial);
    }
    EXPECT_GE(done, 40);
}

TEST(LibrarySteps, WhatTheLibraryCannotDoIsDeclinedByName) {
    Rng rng(testing::seed());
    Trial trial = random_conv(rng);
    trial.operation.floats = {-1, kInfinity};
    EXPECT_EQ(choose_conv_f32(trial.operation).status().message(),
              "oneDNN has no clamp with one bound");
    trial.operation.floats = {0, kInfinity};
    trial.add_scratch(1 << 20);
    trial.operation.inputs[1].place = Place::kArena;  // as a hostile plan may say
    const auto step = make_library_step(trial.operation, trial.weights());
    EXPECT_EQ(step.status().message(), "weights are computed");
}

}  // namespace
}  // namespace hf::runtime::cpu
