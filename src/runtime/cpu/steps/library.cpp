#include "runtime/cpu/steps/library.h"

#include <algorithm>
#include <cstring>

#include "kernels/simd/targets.h"
#include "runtime/cpu/steps/image.h"

namespace hf::runtime::cpu {
namespace {

std::int64_t extent(std::size_t size) {
    return static_cast<std::int64_t>(size);
}

// Operands by their places in the kernel's list: image, weights, bias, what is added to the result.
class LibraryStep final : public Step {
public:
    LibraryStep(const Operation& operation, onednn::Primitive primitive)
        : primitive_(std::move(primitive)),
          in_(operation.inputs[0]),
          bias_(operation.inputs[2]),
          residual_(operation.inputs[3]),
          out_(operation.outputs[0]),
          scratch_(operation.scratch),
          out_bytes_(operation.outputs[0].size_bytes()) {}

    Status run(const Memory& m) const override {
        float* out = out_.out<float>(m);
        if (residual_) std::memcpy(out, residual_.in<float>(m), out_bytes_);
        return primitive_.run({in_.in<float>(m), bias_.in<float>(m), out, scratch_.out<void>(m)});
    }

private:
    onednn::Primitive primitive_;
    Slot in_, bias_, residual_, out_;
    ScratchSlot scratch_;
    std::uint64_t out_bytes_;
};

}  // namespace

Result<onednn::Choice> choose_conv_f32(const Operation& operation) {
    const OperationReader reader(operation);
    const Geometry g = HF_TRY(read_geometry(reader, 1));
    if (!reader.has_input(2)) return unimplemented("there is no bias");
    if (g.group > 1 && g.out_channels / g.group % kernels::kPanel != 0) {
        return unimplemented("{} output channels a group are no multiple of {}",
                             g.out_channels / g.group, kernels::kPanel);
    }
    onednn::Convolution shape;
    shape.batch = extent(g.batch);
    shape.in_channels = extent(g.padding.channels);
    shape.out_channels = extent(g.out_channels);
    shape.group = extent(g.group);
    shape.in = {extent(g.padding.height), extent(g.padding.width)};
    shape.out = {extent(g.out_height), extent(g.out_width)};
    shape.kernel = {extent(g.kernel_y), extent(g.kernel_x)};
    shape.stride = {extent(g.stride_y), extent(g.stride_x)};
    shape.dilation = {extent(g.dilation_y), extent(g.dilation_x)};
    shape.before = {extent(g.padding.top), extent(g.padding.left)};
    shape.after = {extent(g.padding.bottom), extent(g.padding.right)};
    return onednn::Choice::convolution(shape,
                                       {reader.has_input(3), reader.real(0), reader.real(1)});
}

Result<StepPtr> make_library_step(const Operation& operation, const std::uint8_t* weights) {
    onednn::Choice choice = HF_TRY(operation.kernel->by_library(operation));
    HF_TRY(OperationReader(operation)
               .expect_scratch(choice.scratch_bytes())
               .context("{}", choice.implementation()));
    const Operand& right = operation.inputs[1];
    if (right.place != Place::kWeights) return unimplemented("weights are computed");
    const auto* packed = reinterpret_cast<const float*>(weights + right.offset);
    return std::make_unique<const LibraryStep>(
        operation, HF_TRY(onednn::Primitive::create(std::move(choice), packed)));
}

}  // namespace hf::runtime::cpu
