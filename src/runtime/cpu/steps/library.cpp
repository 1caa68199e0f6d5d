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

// Some output rows of an image that one call of the library computes.
struct Strip {
    std::size_t choice;         // which of the implementations does
    std::size_t in, out, size;  // where its image and its result start, and elements of the result
};

// A convolution is handed to the library in strips, so that several threads can share it. The shape
// alone says how many there are: they make the same bits whoever computes them.
struct LibraryStrips {
    std::vector<onednn::Choice> choices;
    std::vector<Strip> strips;
    double work = 0;
};

// A strip has at least so many pixels: below, reading the weights once more would cost too much.
constexpr std::size_t kStripPixels = 96, kMostStrips = 4;

onednn::Convolution convolution_of(const Geometry& g) {
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
    return shape;
}

// The output rows of one image as an image of their own. Height 0: they see only borders.
Geometry strip_of(const Geometry& g, Pieces rows) {
    Geometry strip = g;
    const std::size_t image_end = g.padding.top + g.padding.height;
    const std::size_t first = rows.first * g.stride_y;  // counted with the borders
    const std::size_t end =
        first + (rows.count - 1) * g.stride_y + (g.kernel_y - 1) * g.dilation_y + 1;
    strip.batch = 1;
    strip.out_height = rows.count;
    strip.padding.top = g.padding.top > first ? g.padding.top - first : 0;
    strip.padding.bottom = end > image_end ? end - image_end : 0;
    const std::size_t borders = strip.padding.top + strip.padding.bottom;
    strip.padding.height = end - first > borders ? end - first - borders : 0;
    return strip;
}

Result<LibraryStrips> divide_conv_f32(const Operation& operation) {
    const OperationReader reader(operation);
    const Geometry read = HF_TRY(read_geometry(reader, 1));
    if (!reader.has_input(2)) return unimplemented("there is no bias");
    if (read.group > 1 && read.out_channels / read.group % kernels::kPanel != 0) {
        return unimplemented("{} output channels a group are no multiple of {}",
                             read.out_channels / read.group, kernels::kPanel);
    }
    const Geometry g = read.flattened();
    const onednn::Fused fused{reader.has_input(3), reader.real(0), reader.real(1)};
    const std::size_t count = std::min(
        g.out_height,
        std::clamp<std::size_t>(g.out_height * g.out_width / kStripPixels, 1, kMostStrips));
    LibraryStrips all;
    all.work = g.work();
    if (count == 1) {
        all.choices.push_back(HF_TRY(onednn::Choice::convolution(convolution_of(g), fused)));
        all.strips.push_back({0, 0, 0, g.batch * g.out_size()});
        return all;
    }
    std::vector<onednn::Convolution> shapes;
    for (std::size_t i = 0; i < g.batch * count; ++i) {
        const std::size_t n = i / count, first = g.out_height * (i % count) / count;
        const Geometry strip = strip_of(g, {first, g.out_height * (i % count + 1) / count - first});
        if (strip.padding.height == 0) return unimplemented("some rows see only borders");
        const onednn::Convolution shape = convolution_of(strip);
        const auto known = std::find(shapes.begin(), shapes.end(), shape);
        const auto choice = static_cast<std::size_t>(known - shapes.begin());
        if (known == shapes.end()) {
            shapes.push_back(shape);
            all.choices.push_back(HF_TRY(onednn::Choice::convolution(shape, fused)));
        }
        const std::size_t top = g.padding.top - strip.padding.top;
        const std::size_t row = g.padding.width * g.padding.channels;
        all.strips.push_back({choice, n * g.in_size() + (first * g.stride_y - top) * row,
                              n * g.out_size() + first * g.out_width * g.out_channels,
                              strip.out_size()});
    }
    return all;
}

// Operands by their places in the kernel's list: image, weights, bias, what is added to the result.
class LibraryStep final : public Step {
public:
    LibraryStep(const Operation& operation, const LibraryStrips& strips,
                std::vector<onednn::Primitive> primitives)
        : primitives_(std::move(primitives)),
          strips_(strips.strips),
          work_(strips.work),
          in_(operation.inputs[0]),
          bias_(operation.inputs[2]),
          residual_(operation.inputs[3]),
          out_(operation.outputs[0]),
          scratch_(operation.scratch) {}

    Status run(const Memory& m) const override { return run_pieces(m, {0, strips_.size()}); }

    Cut cut() const override { return {strips_.size(), work_}; }

    Status run_pieces(const Memory& m, Pieces pieces) const override {
        for (std::size_t i = pieces.first; i < pieces.first + pieces.count; ++i) {
            const Strip& strip = strips_[i];
            float* out = out_.out<float>(m) + strip.out;
            if (residual_) {
                std::memcpy(out, residual_.in<float>(m) + strip.out, strip.size * sizeof(float));
            }
            HF_TRY(primitives_[strip.choice].run(
                {in_.in<float>(m) + strip.in, bias_.in<float>(m), out, scratch_.out<void>(m)}));
        }
        return {};
    }

private:
    std::vector<onednn::Primitive> primitives_;
    std::vector<Strip> strips_;
    double work_;
    Slot in_, bias_, residual_, out_;
    ScratchSlot scratch_;
};

}  // namespace

Result<onednn::Choice> choose_conv_f32(const Operation& operation) {
    LibraryStrips strips = HF_TRY(divide_conv_f32(operation));
    return std::move(*std::max_element(
        strips.choices.begin(), strips.choices.end(),
        [](const auto& a, const auto& b) { return a.scratch_bytes() < b.scratch_bytes(); }));
}

Result<StepPtr> make_library_step(const Operation& operation, const std::uint8_t* weights) {
    LibraryStrips strips = HF_TRY(divide_conv_f32(operation));
    const Operand& right = operation.inputs[1];
    if (right.place != Place::kWeights) return unimplemented("weights are computed");
    const auto* packed = reinterpret_cast<const float*>(weights + right.offset);
    std::vector<onednn::Primitive> primitives;
    for (onednn::Choice& choice : strips.choices) {
        HF_TRY(OperationReader(operation)
                   .expect_scratch(choice.scratch_bytes())
                   .context("{}", choice.implementation()));
        primitives.push_back(HF_TRY(onednn::Primitive::create(std::move(choice), packed)));
    }
    return std::make_unique<const LibraryStep>(operation, strips, std::move(primitives));
}

}  // namespace hf::runtime::cpu
