// Elementwise int8 steps: sums by TensorFlow Lite's rules and by ONNX's, means, and conversions
// from and to fp32.

#include "kernels/simd/quantized.h"
#include "runtime/cpu/steps/common.h"

namespace hf::runtime::cpu {
namespace {

constexpr std::size_t kAny = OperationReader::kAnyRank;

Result<kernels::Rescale> read_rescale(const OperationReader& reader, std::size_t first) {
    const std::int64_t multiplier = reader.integer_at(first);
    if (multiplier < 0 || multiplier > std::int64_t{0x7FFFFFFF}) {
        return invalid_argument("multiplier {}", multiplier);
    }
    const std::size_t left = HF_TRY(reader.integer(first + 1, 0, 31));
    const std::size_t right = HF_TRY(reader.integer(first + 2, 0, 31));
    return kernels::Rescale{static_cast<std::int32_t>(multiplier), static_cast<std::int32_t>(left),
                            static_cast<std::int32_t>(right)};
}

// Integers [first, first + count), each within int8.
Status expect_stored(const OperationReader& reader, std::size_t first, std::size_t count) {
    for (std::size_t i = first; i < first + count; ++i) HF_TRY(reader.integer(i, -128, 127));
    return {};
}

// `Sum` is one of the kernels' two kinds.
template <typename Sum>
StepPtr sum_step(const Sum& sum, const OperationReader& reader,
                 void (*kernel)(const Sum&, const std::int8_t*, const std::int8_t*, std::int8_t*)) {
    const Chunks chunks{sum.count, kChunk};
    return step_in_pieces(
        chunks.cut(kCostElement),
        [=, a = reader.in(0), b = reader.in(1), y = reader.out(0)](const Memory& m, Pieces pieces) {
            const auto [first, count] = chunks.range(pieces);
            Sum here = sum;
            here.count = count;
            kernel(here, a.in<std::int8_t>(m) + first, b.in<std::int8_t>(m) + first,
                   y.out<std::int8_t>(m) + first);
        });
}

}  // namespace

// Integers: zero points of a, b and the output, their factors (multiplier, left, right), min, max.
Result<StepPtr> make_add_i8(const Operation& operation) {
    const OperationReader reader(operation);
    HF_TRY(reader.expect({2, 1, 14, 0}));
    HF_TRY(reader.expect_input(0, DType::kI8, kAny));
    kernels::AddI8 add;
    add.count = static_cast<std::size_t>(reader.input(0).elements());
    HF_TRY(reader.expect_elements(1, DType::kI8, add.count));
    HF_TRY(reader.expect_output_elements(0, DType::kI8, add.count));
    for (const std::size_t i : {0, 1, 2, 12, 13}) HF_TRY(reader.integer(i, -128, 127));
    const auto small = [&](std::size_t i) {
        return static_cast<std::int32_t>(reader.integer_at(i));
    };
    add.zero_a = small(0);
    add.zero_b = small(1);
    add.zero_out = small(2);
    add.a = HF_TRY(read_rescale(reader, 3));
    add.b = HF_TRY(read_rescale(reader, 6));
    add.out = HF_TRY(read_rescale(reader, 9));
    add.min = small(12);
    add.max = small(13);
    return sum_step(add, reader, kernels::add_i8);
}

// Integers: zero points of a, b and the output, min, max. Reals: factors of a and b.
Result<StepPtr> make_add_real_i8(const Operation& operation) {
    const OperationReader reader(operation);
    HF_TRY(reader.expect({2, 1, 5, 2}));
    HF_TRY(reader.expect_input(0, DType::kI8, kAny));
    kernels::AddRealI8 add;
    add.count = static_cast<std::size_t>(reader.input(0).elements());
    HF_TRY(reader.expect_elements(1, DType::kI8, add.count));
    HF_TRY(reader.expect_output_elements(0, DType::kI8, add.count));
    HF_TRY(expect_stored(reader, 0, 5));
    const auto small = [&](std::size_t i) {
        return static_cast<std::int32_t>(reader.integer_at(i));
    };
    add.zero_a = small(0);
    add.zero_b = small(1);
    add.zero_out = small(2);
    add.min = small(3);
    add.max = small(4);
    add.factor_a = reader.real(0);
    add.factor_b = reader.real(1);
    return sum_step(add, reader, kernels::add_real_i8);
}

// Integers: images, pixels, channels, zero points of x and the output, min, max. Real: the factor.
Result<StepPtr> make_mean_i8(const Operation& operation) {
    const OperationReader reader(operation);
    HF_TRY(reader.expect({1, 1, 7, 1}));
    constexpr std::int64_t kMost = (std::int64_t{1} << 22) - 1;
    const std::size_t images = HF_TRY(reader.integer(0, 1, kMost));
    kernels::MeanI8 mean;
    mean.pixels = HF_TRY(reader.integer(1, 1, kMost));
    mean.channels = HF_TRY(reader.integer(2, 1, kMost));
    if (static_cast<double>(images) * static_cast<double>(mean.pixels * mean.channels) >
        static_cast<double>(Shape::kMaxElements)) {
        return resource_exhausted("{} images of {} x {}", images, mean.pixels, mean.channels);
    }
    HF_TRY(reader.expect_elements(0, DType::kI8, images * mean.pixels * mean.channels));
    HF_TRY(reader.expect_output_elements(0, DType::kI8, images * mean.channels));
    HF_TRY(expect_stored(reader, 3, 4));
    const auto small = [&](std::size_t i) {
        return static_cast<std::int32_t>(reader.integer_at(i));
    };
    mean.zero_in = small(3);
    mean.zero_out = small(4);
    mean.min = small(5);
    mean.max = small(6);
    mean.factor = reader.real(0);
    const Chunks chunks{images, 1};
    const double cost = kCostElement * static_cast<double>(mean.pixels * mean.channels);
    return step_in_pieces(
        chunks.cut(cost), [=, x = reader.in(0), y = reader.out(0)](const Memory& m, Pieces pieces) {
            for (std::size_t i = pieces.first; i < pieces.first + pieces.count; ++i) {
                kernels::mean_i8(mean, x.in<std::int8_t>(m) + i * mean.pixels * mean.channels,
                                 y.out<std::int8_t>(m) + i * mean.channels);
            }
        });
}

namespace {

// Integers: the zero point, and whether halves are rounded to even. Reals: the scale.
Result<kernels::AffineI8> read_affine(const OperationReader& reader, DType from, DType to) {
    HF_TRY(reader.expect({1, 1, 2, 1}));
    HF_TRY(reader.expect_input(0, from, kAny));
    HF_TRY(reader.integer(0, -128, 127));
    if (!(reader.real(0) > 0)) return invalid_argument("the scale is {}", reader.real(0));
    const auto count = static_cast<std::size_t>(reader.input(0).elements());
    HF_TRY(reader.expect_output_elements(0, to, count));
    const bool even = HF_TRY(reader.integer(1, 0, 1)) == 1;
    return kernels::AffineI8{count, reader.real(0), static_cast<std::int32_t>(reader.integer_at(0)),
                             even};
}

template <typename From, typename To>
StepPtr affine_step(const kernels::AffineI8& affine, const OperationReader& reader,
                    void (*kernel)(const kernels::AffineI8&, const From*, To*)) {
    const Chunks chunks{affine.count, kChunk};
    return step_in_pieces(chunks.cut(kCostElement),
                          [=, x = reader.in(0), y = reader.out(0)](const Memory& m, Pieces pieces) {
                              const auto [first, count] = chunks.range(pieces);
                              kernels::AffineI8 here = affine;
                              here.count = count;
                              kernel(here, x.in<From>(m) + first, y.out<To>(m) + first);
                          });
}

}  // namespace

Result<StepPtr> make_quantize_i8(const Operation& operation) {
    const OperationReader reader(operation);
    const kernels::AffineI8 affine = HF_TRY(read_affine(reader, DType::kF32, DType::kI8));
    return affine_step<float, std::int8_t>(affine, reader, kernels::quantize_i8);
}

Result<StepPtr> make_dequantize_i8(const Operation& operation) {
    const OperationReader reader(operation);
    const kernels::AffineI8 affine = HF_TRY(read_affine(reader, DType::kI8, DType::kF32));
    return affine_step<std::int8_t, float>(affine, reader, kernels::dequantize_i8);
}

}  // namespace hf::runtime::cpu
