// Fourier transforms, what comes before and behind them, and random numbers.

#include "graph/infer/rows.h"
#include "graph/onnx/tensor_proto.h"

namespace hf::graph::infer {
namespace {

// The one integer of an input; nullopt when it is omitted or not known.
std::optional<std::int64_t> scalar(const Context& context, std::size_t index) {
    const auto given = context.ints(index);
    if (!given || given->size() != 1) return std::nullopt;
    return (*given)[0];
}

std::int64_t bins_of(std::int64_t length, bool onesided) {
    return length == kUnknown ? kUnknown : onesided ? length / 2 + 1 : length;
}

// The length of a transform: as the input says, else the fallback.
Result<std::int64_t> length_of(const Context& context, std::size_t index, std::int64_t fallback) {
    if (!context.has_input(index)) return fallback;
    const std::int64_t length = scalar(context, index).value_or(kUnknown);
    if (length < kUnknown || length == 0) return invalid_argument("a length of {}", length);
    return length;
}

Status dft(Context& context) {
    const Shape* from = context.shape(0);
    if (!from) return context.set(0, context.dtype(0), std::nullopt);
    const bool late = context.node.opset >= 20;
    std::optional<std::int64_t> given = context.node.int_or("axis", late ? -2 : 1);
    if (late && context.has_input(2)) given = scalar(context, 2);
    if (!given) return context.set(0, context.dtype(0), std::nullopt);
    const std::size_t axis = HF_TRY(normalize_axis(*given, from->rank()));
    if (axis + 1 == from->rank()) {
        return invalid_argument("axis {} holds the parts of numbers", *given);
    }
    Shape to = *from;
    const std::int64_t length = HF_TRY(length_of(context, 1, (*from)[axis]));
    to[axis] = bins_of(length, context.node.int_or("onesided", 0) != 0);
    to[from->rank() - 1] = 2;
    return context.set(0, context.dtype(0), to);
}

Status stft(Context& context) {
    const Shape* from = context.shape(0);
    if (!from) return context.set(0, context.dtype(0), std::nullopt);
    if (from->rank() != 3) return invalid_argument("want [batch, length, parts]");
    const Shape* window = context.shape(2);
    const std::int64_t fallback = window && window->rank() == 1 ? (*window)[0] : kUnknown;
    const std::int64_t width = HF_TRY(length_of(context, 3, fallback));
    const std::int64_t length = (*from)[1];
    const std::int64_t step = scalar(context, 1).value_or(kUnknown);
    std::int64_t frames = kUnknown;
    if (step != kUnknown && width != kUnknown && length != kUnknown) {
        if (step < 1 || width > length) {
            return invalid_argument("frames of {} each {} of a signal of {}", width, step, length);
        }
        frames = (length - width) / step + 1;
    }
    const bool onesided = context.node.int_or("onesided", 1) != 0;
    return context.set(0, context.dtype(0), Shape{(*from)[0], frames, bins_of(width, onesided), 2});
}

Result<DType> dtype_from(const Context& context, std::string_view attribute,
                         std::int64_t fallback) {
    return onnx::dtype_of(context.node.int_or(attribute, fallback));
}

Status window_function(Context& context) {
    const DType dtype = HF_TRY(dtype_from(context, "output_datatype", 1));
    return context.set(0, dtype, Shape{HF_TRY(length_of(context, 0, kUnknown))});
}

Status mel_weight_matrix(Context& context) {
    const DType dtype = HF_TRY(dtype_from(context, "output_datatype", 1));
    const std::int64_t filters = HF_TRY(length_of(context, 0, kUnknown));
    const std::int64_t length = HF_TRY(length_of(context, 1, kUnknown));
    return context.set(0, dtype, Shape{bins_of(length, true), filters});
}

Status random(Context& context) {
    const DType dtype = HF_TRY(dtype_from(context, "dtype", 1));
    const Shape shape(context.node.ints_or("shape", {}));
    HF_TRY(shape.check());
    return context.set(0, dtype, shape);
}

Status multinomial(Context& context) {
    const DType dtype = HF_TRY(dtype_from(context, "dtype", 6));
    const Shape* from = context.shape(0);
    const std::int64_t samples = context.node.int_or("sample_size", 1);
    if ((from && from->rank() != 2) || samples < 1) {
        return invalid_argument("{} samples of {}", samples,
                                from ? from->to_string() : "an open shape");
    }
    return context.set(0, dtype, Shape{from ? (*from)[0] : kUnknown, samples});
}

}  // namespace

std::vector<Row> signal_rows() {
    return {{"", "DFT", dft},
            {"", "STFT", stft},
            {"", "HannWindow", window_function},
            {"", "HammingWindow", window_function},
            {"", "BlackmanWindow", window_function},
            {"", "MelWeightMatrix", mel_weight_matrix},
            {"", "RandomUniform", random},
            {"", "RandomNormal", random},
            {"", "Multinomial", multinomial}};
}

}  // namespace hf::graph::infer
