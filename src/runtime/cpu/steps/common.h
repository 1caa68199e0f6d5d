// What the steps share: checking an operation's numbers while it becomes a step. Internal to
// runtime/cpu.

#pragma once

#include <algorithm>

#include "runtime/cpu/plan.h"

namespace hf::runtime::cpu {

// A borrowed view that answers INVALID_ARGUMENT instead of reading what is not there.
class OperationReader final {
public:
    explicit OperationReader(const Operation& operation) : operation_(operation) {}

    struct Counts {
        std::size_t inputs = 0, outputs = 0, ints = 0, floats = 0;
    };
    // Exactly so many of each; inputs may be omitted ones.
    Status expect(const Counts& counts) const;

    // The operand has this type and rank (kAnyRank: any). INVALID_ARGUMENT when it is omitted.
    static constexpr std::size_t kAnyRank = 99;
    Status expect_input(std::size_t index, DType dtype, std::size_t rank) const;
    Status expect_output(std::size_t index, DType dtype, std::size_t rank) const;

    // The same with exactly this many elements in any shape.
    Status expect_elements(std::size_t index, DType dtype, std::uint64_t elements) const;
    Status expect_output_elements(std::size_t index, DType dtype, std::uint64_t elements) const;
    Status expect_scratch(std::uint64_t bytes) const;

    // Within [low, high].
    Result<std::size_t> integer(std::size_t index, std::int64_t low, std::int64_t high) const;

    const Shape& input(std::size_t index) const { return operation_.inputs[index].shape; }
    const Shape& output(std::size_t index) const { return operation_.outputs[index].shape; }
    bool has_input(std::size_t index) const {
        return index < operation_.inputs.size() && operation_.inputs[index].place != Place::kNone;
    }
    Slot in(std::size_t index) const { return Slot(operation_.inputs[index]); }
    Slot out(std::size_t index) const { return Slot(operation_.outputs[index]); }
    ScratchSlot scratch() const { return ScratchSlot(operation_.scratch); }
    float real(std::size_t index) const { return operation_.floats[index]; }
    std::int64_t integer_at(std::size_t index) const { return operation_.ints[index]; }

private:
    const Operation& operation_;
};

inline std::size_t as_size(std::int64_t extent) {
    return static_cast<std::size_t>(extent);
}

// A step from a lambda `run(const Memory&)` that holds all it needs.
template <typename F>
StepPtr step_of(F run) {
    class LambdaStep final : public Step {
    public:
        explicit LambdaStep(F run) : run_(std::move(run)) {}
        Status run(const Memory& memory) const override {
            run_(memory);
            return {};
        }

    private:
        F run_;
    };
    return std::make_unique<const LambdaStep>(std::move(run));
}

// The same in pieces, from a lambda `run(const Memory&, Pieces)`.
template <typename F>
StepPtr step_in_pieces(Cut cut, F run) {
    class CutStep final : public Step {
    public:
        CutStep(Cut cut, F run) : cut_(cut), run_(std::move(run)) {}
        Status run(const Memory& memory) const override {
            return run_pieces(memory, {0, cut_.pieces});
        }
        Cut cut() const override { return cut_; }
        Status run_pieces(const Memory& memory, Pieces pieces) const override {
            run_(memory, pieces);
            return {};
        }

    private:
        Cut cut_;
        F run_;
    };
    return std::make_unique<const CutStep>(cut, std::move(run));
}

// Elements in pieces of `length` each, and the last what is left. Kernels work on vectors of a
// power of two of elements, so that all see whole ones but the last.
struct Chunks {
    std::size_t total = 0, length = 1;

    std::size_t pieces() const { return total == 0 ? 1 : (total + length - 1) / length; }
    // `cost` is an element's.
    Cut cut(double cost) const { return {pieces(), static_cast<double>(total) * cost}; }

    Pieces range(Pieces pieces) const {
        const std::size_t first = pieces.first * length;
        return {first, std::min(total, (pieces.first + pieces.count) * length) - first};
    }
};

// What elementwise work is cut into.
inline constexpr std::size_t kChunk = 1024;

// Rough costs in multiply-adds of an fp32 product: of an element that is moved or added, of a
// function of one, of a multiply-add elsewhere.
inline constexpr double kCostElement = 16, kCostFunction = 64;
inline constexpr double kCostI8 = 0.5, kCostDepthwise = 3;

// One function a family; each file of steps/ defines some.
Result<StepPtr> make_attention_f32(const Operation& operation);
Result<StepPtr> make_conv_f32(const Operation& operation);
Result<StepPtr> make_conv_bf16(const Operation& operation);
Result<StepPtr> make_conv_i8(const Operation& operation);
Result<StepPtr> make_winograd_f32(const Operation& operation);
Result<StepPtr> make_depthwise_f32(const Operation& operation);
Result<StepPtr> make_depthwise_i8(const Operation& operation);
Result<StepPtr> make_dense_f32(const Operation& operation);
Result<StepPtr> make_dense_bf16(const Operation& operation);
Result<StepPtr> make_dense_i8(const Operation& operation);
Result<StepPtr> make_matmul_f32(const Operation& operation);
Result<StepPtr> make_max_pool_f32(const Operation& operation);
Result<StepPtr> make_average_pool_f32(const Operation& operation);
Result<StepPtr> make_max_pool_i8(const Operation& operation);
Result<StepPtr> make_average_pool_i8(const Operation& operation);
Result<StepPtr> make_unary_f32(const Operation& operation);
Result<StepPtr> make_binary_f32(const Operation& operation);
Result<StepPtr> make_add_i8(const Operation& operation);
Result<StepPtr> make_add_real_i8(const Operation& operation);
Result<StepPtr> make_mean_i8(const Operation& operation);
Result<StepPtr> make_quantize_i8(const Operation& operation);
Result<StepPtr> make_dequantize_i8(const Operation& operation);
Result<StepPtr> make_softmax_f32(const Operation& operation);
Result<StepPtr> make_softmax_i8(const Operation& operation);
Result<StepPtr> make_layer_norm_f32(const Operation& operation);
Result<StepPtr> make_mean_f32(const Operation& operation);
Result<StepPtr> make_copy(const Operation& operation);
Result<StepPtr> make_transpose(const Operation& operation);
Result<StepPtr> make_concat(const Operation& operation);
Result<StepPtr> make_lrn_f32(const Operation& operation);
Result<StepPtr> make_reduce_f32(const Operation& operation);
Result<StepPtr> make_softmax_columns_f32(const Operation& operation);
Result<StepPtr> make_instance_norm_f32(const Operation& operation);
Result<StepPtr> make_strided(const Operation& operation);
Result<StepPtr> make_pad(const Operation& operation);
Result<StepPtr> make_gather(const Operation& operation);
Result<StepPtr> make_pointwise(const Operation& operation);
Result<StepPtr> make_select(const Operation& operation);
Result<StepPtr> make_cast(const Operation& operation);
Result<StepPtr> make_trees_f32(const Operation& operation);
Result<StepPtr> make_reference(const Operation& operation);

// For kernels that follow indices in their weights.
Status verify_trees_f32(const Operation& operation, const std::uint8_t* weights);

}  // namespace hf::runtime::cpu
