// DFT and STFT: complex numbers are pairs along the last axis, real ones singles.

#include "runtime/ref/ops/common.h"
#include "runtime/ref/ops/fourier.h"

namespace hf::runtime::ref {
namespace {

using Complex = std::complex<double>;

// No lane is longer.
constexpr std::int64_t kMaxLength = 1 << 22;

Result<std::optional<std::int64_t>> scalar_input(const OpContext& context, std::size_t index) {
    if (!context.input(index)) return std::optional<std::int64_t>();
    const std::vector<std::int64_t> values = HF_TRY(to_int64s(*context.input(index)));
    if (values.size() != 1) return invalid_argument("input {} must be one integer", index);
    return std::optional<std::int64_t>(values[0]);
}

Status check_length(std::int64_t length) {
    if (length < 1 || length > kMaxLength) {
        return invalid_argument("a transform of length {}; want 1 to {}", length, kMaxLength);
    }
    // A large prime factor costs its square.
    constexpr std::uint64_t kMaxProducts = std::uint64_t{1} << 33;
    const std::uint64_t products = fourier_products(static_cast<std::uint64_t>(length));
    if (products <= kMaxProducts) return {};
    return resource_exhausted("a transform of length {} takes {} products", length, products);
}

// Numbers of one or two parts each.
struct Numbers {
    std::vector<double> parts;
    std::int64_t width;

    Complex at(std::int64_t index) const {
        const auto from = static_cast<std::size_t>(index * width);
        return {parts[from], width == 2 ? parts[from + 1] : 0};
    }
};

Result<Numbers> read_numbers(const Tensor& tensor) {
    const Shape& shape = tensor.shape();
    const std::int64_t width = shape.rank() == 0 ? 0 : shape[shape.rank() - 1];
    if (width != 1 && width != 2) {
        return invalid_argument("want one or two parts along the last axis, got {}",
                                shape.to_string());
    }
    return Numbers{HF_TRY(to_doubles(tensor)), width};
}

struct Transform {
    std::int64_t length;  // of the transform
    std::int64_t bins;    // of the output: all, or the first half
    bool inverse;
};

Result<Transform> read_transform(const OpContext& context, std::int64_t length, bool onesided) {
    HF_TRY(check_length(length));
    const bool inverse = context.node.int_or("inverse", 0) != 0;
    if (onesided && inverse) return unimplemented("an inverse transform of half a spectrum");
    return Transform{length, onesided ? length / 2 + 1 : length, inverse};
}

void write_lane(const std::vector<Complex>& lane, const Transform& transform, double* to,
                std::int64_t step) {
    for (std::int64_t i = 0; i < transform.bins; ++i) {
        to[i * step * 2] = lane[static_cast<std::size_t>(i)].real();
        to[i * step * 2 + 1] = lane[static_cast<std::size_t>(i)].imag();
    }
}

Outputs dft(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const Numbers numbers = HF_TRY(read_numbers(input));
    std::int64_t given = context.node.int_or("axis", context.node.opset < 20 ? 1 : -2);
    if (context.node.opset >= 20) given = HF_TRY(scalar_input(context, 2)).value_or(given);
    const std::size_t rank = input.shape().rank(), axis = HF_TRY(normalize_axis(given, rank));
    if (axis + 1 == rank) return invalid_argument("axis {} holds the parts of numbers", given);
    const std::int64_t length = HF_TRY(scalar_input(context, 1)).value_or(input.shape()[axis]);
    const Transform transform =
        HF_TRY(read_transform(context, length, context.node.int_or("onesided", 0) != 0));
    Shape shape = input.shape();
    shape[axis] = transform.bins;
    shape[rank - 1] = 2;
    Tensor out = HF_TRY(make_tensor(DType::kF64, shape));
    AxisSplit split = split_at(input.shape(), axis);
    split.inner /= numbers.width;
    for (std::int64_t at = 0; at < split.outer * split.inner; ++at) {
        const std::int64_t outer = at / split.inner, inner = at % split.inner;
        std::vector<Complex> lane(static_cast<std::size_t>(length));
        for (std::int64_t i = 0; i < std::min(length, split.extent); ++i) {
            lane[static_cast<std::size_t>(i)] =
                numbers.at((outer * split.extent + i) * split.inner + inner);
        }
        double* to = out.mutable_values<double>().data() +
                     (outer * transform.bins * split.inner + inner) * 2;
        write_lane(fourier(lane, transform.inverse), transform, to, split.inner);
    }
    return one(HF_TRY(cast_tensor(out, input.dtype())));
}

Outputs stft(const OpContext& context) {
    const Tensor signal = HF_TRY(need_input(context, 0));
    const Numbers numbers = HF_TRY(read_numbers(signal));
    if (signal.shape().rank() != 3) return invalid_argument("want [batch, length, parts]");
    HF_TRY(need_input(context, 1));
    const std::int64_t step = *HF_TRY(scalar_input(context, 1));
    std::vector<double> window;
    if (context.input(2)) window = HF_TRY(to_doubles(*context.input(2)));
    const std::int64_t width =
        HF_TRY(scalar_input(context, 3)).value_or(static_cast<std::int64_t>(window.size()));
    const Transform transform =
        HF_TRY(read_transform(context, width, context.node.int_or("onesided", 1) != 0));
    const std::int64_t length = signal.shape()[1];
    if (window.empty()) window.assign(static_cast<std::size_t>(width), 1);
    if (step < 1 || width > length || static_cast<std::int64_t>(window.size()) != width) {
        return invalid_argument("frames of {} each {} of a signal of {}, window of {}", width, step,
                                length, window.size());
    }
    const std::int64_t frames = (length - width) / step + 1;
    Tensor out = HF_TRY(make_tensor(DType::kF64, {signal.shape()[0], frames, transform.bins, 2}));
    double* to = out.mutable_values<double>().data();
    for (std::int64_t at = 0; at < signal.shape()[0] * frames; ++at) {
        const std::int64_t start = at / frames * length + at % frames * step;
        std::vector<Complex> lane(static_cast<std::size_t>(width));
        for (std::int64_t i = 0; i < width; ++i) {
            const auto place = static_cast<std::size_t>(i);
            lane[place] = numbers.at(start + i) * window[place];
        }
        write_lane(fourier(lane, false), transform, to, 1);
        to += transform.bins * 2;
    }
    return one(HF_TRY(cast_tensor(out, signal.dtype())));
}

}  // namespace

std::vector<OpRow> signal_rows() {
    return {{"", "DFT", dft}, {"", "STFT", stft}};
}

}  // namespace hf::runtime::ref
