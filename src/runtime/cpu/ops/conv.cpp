// hf.Conv2d and TFLite's CONV_2D and DEPTHWISE_CONV_2D.

#include <algorithm>

#include "kernels/simd/depthwise.h"
#include "kernels/simd/dispatch.h"
#include "kernels/simd/gemm_f32.h"
#include "kernels/simd/pad.h"
#include "runtime/cpu/ops/families.h"
#include "runtime/cpu/steps/image.h"
#include "runtime/cpu/steps/integer.h"
#include "runtime/onednn/library.h"

namespace hf::runtime::cpu {
namespace {

// Where oneDNN was measured to be the faster (docs/adr/0009): windows over fewer channels than
// this, and 1x1 windows with at least so many weights.
constexpr std::int64_t kLibraryChannels = 16;
constexpr std::int64_t kLibraryWeights = 1 << 18;

// Below this many multiply-adds our own kernels do as well, and the library's code would have to be
// loaded and made first.
constexpr std::int64_t kLibraryMacs = 4'000'000;

// The geometry's integers, in their order.
using Fields = std::vector<std::int64_t>;

struct Padded {
    std::int64_t before = 0, after = 0;
};

// TFLite's SAME padding; VALID has none.
Padded tflite_padding(std::int64_t in, std::int64_t out, std::int64_t stride, std::int64_t reach) {
    const std::int64_t total = std::max<std::int64_t>(0, (out - 1) * stride + reach - in);
    return {total / 2, total - total / 2};
}

Fields tflite_fields(const NodeView& view, std::int64_t group) {
    const graph::Node& node = view.node;
    const Shape& x = view.shape(0);
    const Shape& w = view.shape(1);
    const Shape& y = view.out_shape();
    Fields fields(kGeometryFields);
    fields[kStrideY] = node.int_or("stride_h", 1);
    fields[kStrideX] = node.int_or("stride_w", 1);
    fields[kDilationY] = node.int_or("dilation_h", 1);
    fields[kDilationX] = node.int_or("dilation_w", 1);
    fields[kGroup] = group;
    fields[kKernelY] = w[1];
    fields[kKernelX] = w[2];
    if (node.string_or("padding", "VALID") == "SAME") {
        const Padded rows =
            tflite_padding(x[1], y[1], fields[kStrideY], (w[1] - 1) * fields[kDilationY] + 1);
        const Padded columns =
            tflite_padding(x[2], y[2], fields[kStrideX], (w[2] - 1) * fields[kDilationX] + 1);
        fields[kTop] = rows.before;
        fields[kBottom] = rows.after;
        fields[kLeft] = columns.before;
        fields[kRight] = columns.after;
    }
    return fields;
}

Result<Fields> hf_fields(const NodeView& view) {
    const auto strides = view.node.ints_or("strides", {});
    const auto dilations = view.node.ints_or("dilations", {});
    const auto pads = view.node.ints_or("pads", {});
    if (strides.size() != 2 || dilations.size() != 2 || pads.size() != 4) {
        return invalid_argument("strides, dilations or pads are not those of an image");
    }
    const Shape& w = view.shape(1);
    return Fields{strides[0],   strides[1], dilations[0],
                  dilations[1], pads[0],    pads[1],
                  pads[2],      pads[3],    view.node.int_or("group", 1),
                  w[1],         w[2]};
}

Status need_images(const NodeView& view) {
    if (view.shape(0).rank() == 4 && view.shape(1).rank() == 4 && view.out_shape().rank() == 4) {
        return {};
    }
    return unimplemented("operands are not images");
}

// The elements of the padded rows that are held at a time, channels rounded up to `channel_step`.
std::uint64_t strip_elements(const NodeView& view, const Fields& fields, std::int64_t channel_step,
                             std::size_t element_size) {
    const Shape& x = view.shape(0);
    const std::int64_t channels = (x[3] + channel_step - 1) / channel_step * channel_step;
    const auto row = static_cast<std::size_t>((x[2] + fields[kLeft] + fields[kRight]) * channels);
    const std::int64_t reach = (fields[kKernelY] - 1) * fields[kDilationY] + 1;
    const auto size = [](std::int64_t extent) { return static_cast<std::size_t>(extent); };
    const std::size_t weights = size(fields[kKernelY] * fields[kKernelX]) * size(x[3]) /
                                size(fields[kGroup]) * size(view.out_shape()[3]);
    const Strips strips =
        strips_of({size(view.out_shape()[1]), size(view.out_shape()[2]), size(fields[kStrideY]),
                   size(reach), row * element_size, weights * element_size});
    return strips.padded * row;
}

bool has_border(const Fields& fields) {
    return fields[kTop] + fields[kLeft] + fields[kBottom] + fields[kRight] > 0;
}

std::uint64_t conv_macs(const NodeView& view, const Fields& fields) {
    const auto outputs = static_cast<std::uint64_t>(view.out_shape().elements());
    return outputs * static_cast<std::uint64_t>(fields[kKernelY] * fields[kKernelX] *
                                                (view.shape(0)[3] / fields[kGroup]));
}

// Weights [filters][h][w][channels of a group], packed a group at a time.
Draft conv_draft(const NodeView& view, const Fields& fields, const Tensor& weights) {
    const auto group = static_cast<std::size_t>(fields[kGroup]);
    const auto columns = static_cast<std::size_t>(view.out_shape()[3]) / group;
    const std::size_t depth =
        static_cast<std::size_t>(weights.elements()) / std::max<std::size_t>(1, columns * group);
    const std::size_t packed_size = kernels::packed_size_f32(columns, depth);
    const std::size_t bias_size = kernels::packed_columns(columns);
    Tensor packed(DType::kF32, Shape{static_cast<std::int64_t>(group * packed_size)});
    Tensor bias(DType::kF32, Shape{static_cast<std::int64_t>(group * bias_size)});
    const Tensor* given = view.constant(2);
    for (std::size_t g = 0; g < group; ++g) {
        kernels::pack_f32({weights.values<float>().data() + g * columns * depth, columns, depth, 1},
                          depth, packed.mutable_values<float>().data() + g * packed_size);
        for (std::size_t c = 0; given && c < columns; ++c) {
            bias.mutable_values<float>()[g * bias_size + c] =
                given->values<float>()[g * columns + c];
        }
    }
    Draft draft;
    draft.kernel = "simd.conv_f32";
    draft.inputs = {
        DraftInput::of(view.node.inputs[0]), DraftInput::of(std::move(packed)),
        DraftInput::of(std::move(bias)),
        view.has_input(3) ? DraftInput::of(view.node.inputs[3]) : DraftInput::omitted()};
    if (has_border(fields)) {
        draft.scratch_bytes = strip_elements(view, fields, 1, sizeof(float)) * sizeof(float);
    }
    return draft;
}

// Weights as taps x channels.
Draft depthwise_draft(const NodeView& view, const Tensor& taps) {
    const auto channels = static_cast<std::size_t>(view.out_shape()[3]);
    const std::size_t padded = padded_to_panel(channels);
    const std::size_t count = static_cast<std::size_t>(taps.elements()) / channels;
    Tensor packed(DType::kF32, Shape{static_cast<std::int64_t>(count * padded)});
    for (std::size_t i = 0; i < count * channels; ++i) {
        packed.mutable_values<float>()[i / channels * padded + i % channels] =
            taps.values<float>()[i];
    }
    Draft draft;
    draft.kernel = "simd.depthwise_f32";
    draft.inputs = {DraftInput::of(view.node.inputs[0]), DraftInput::of(std::move(packed)),
                    DraftInput::of(padded_bias(view.constant(2), channels))};
    return draft;
}

Status check_bias(const NodeView& view, std::int64_t channels) {
    if (!view.has_input(2)) return {};
    const Tensor bias = HF_TRY(need_constant(view, 2, DType::kF32));
    if (bias.elements() == channels) return {};
    return invalid_argument("{} biases for {} channels", bias.elements(), channels);
}

// [channels][taps] to [taps][channels].
Tensor taps_first(const Tensor& weights, std::size_t channels) {
    const std::size_t taps = static_cast<std::size_t>(weights.elements()) / channels;
    Tensor out(DType::kF32, weights.shape());
    for (std::size_t i = 0; i < channels * taps; ++i) {
        out.mutable_values<float>()[i % taps * channels + i / taps] = weights.values<float>()[i];
    }
    return out;
}

// Finishes a draft with what all of them share.
Drafts finished(const NodeView& view, Draft draft, const Fields& fields, Clamp clamp) {
    draft.outputs = {view.node.outputs[0]};
    draft.ints.insert(draft.ints.begin(), fields.begin(), fields.end());
    if (draft.ints.size() == kGeometryFields) draft.floats = {clamp.low, clamp.high};
    draft.macs = conv_macs(view, fields);
    return alone(std::move(draft));
}

Status check_hf(const NodeView& view, const Fields& fields, const Tensor& weights) {
    HF_TRY(need_images(view));
    HF_TRY(check_bias(view, view.out_shape()[3]));
    const Shape& w = weights.shape();
    const std::int64_t group = fields[kGroup];
    if (group < 1 || view.shape(0)[3] % group != 0 || w[0] != view.out_shape()[3] ||
        w[3] != view.shape(0)[3] / group || w[0] % group != 0 || w.elements() == 0) {
        return invalid_argument("weights {} do not fit", w.to_string());
    }
    return {};
}

Drafts with_activation(Drafts drafts, ActivationDrafts& activation) {
    std::vector<Draft> all = HF_TRY(std::move(drafts));
    if (activation.after) all.push_back(std::move(*activation.after));
    return all;
}

Drafts draft_hf_conv(const NodeView& view) {
    HF_TRY(need_f32(view));
    const Tensor weights = HF_TRY(need_constant(view, 1, DType::kF32));
    const Fields fields = HF_TRY(hf_fields(view));
    HF_TRY(check_hf(view, fields, weights));
    ActivationDrafts activation = HF_TRY(hf_activation(view));
    return with_activation(
        finished(view, conv_draft(view, fields, weights), fields, activation.clamp), activation);
}

Drafts draft_hf_depthwise(const NodeView& view) {
    HF_TRY(need_f32(view));
    const Tensor weights = HF_TRY(need_constant(view, 1, DType::kF32));
    const Fields fields = HF_TRY(hf_fields(view));
    HF_TRY(check_hf(view, fields, weights));
    const std::int64_t channels = view.shape(0)[3];
    if (fields[kGroup] != channels || view.out_shape()[3] != channels || channels == 1) {
        return unimplemented("it is not depthwise");
    }
    if (view.has_input(3)) return unimplemented("a residual is added");
    ActivationDrafts activation = HF_TRY(hf_activation(view));
    const Tensor taps = taps_first(weights, static_cast<std::size_t>(channels));
    return with_activation(finished(view, depthwise_draft(view, taps), fields, activation.clamp),
                           activation);
}

Status check_tflite(const NodeView& view, std::int64_t out, std::int64_t in) {
    HF_TRY(need_images(view));
    if (in != view.shape(0)[3] || out != view.out_shape()[3] || view.shape(1).elements() == 0) {
        return unimplemented("weights {} do not fit {} channels one to one",
                             view.shape(1).to_string(), view.shape(0)[3]);
    }
    return {};
}

Drafts draft_tflite_conv(const NodeView& view) {
    HF_TRY(need_f32(view));
    const Tensor weights = HF_TRY(need_constant(view, 1, DType::kF32));
    HF_TRY(need_images(view));
    HF_TRY(check_tflite(view, weights.shape()[0], weights.shape()[3]));
    HF_TRY(check_bias(view, weights.shape()[0]));
    const Fields fields = tflite_fields(view, 1);
    return finished(view, conv_draft(view, fields, weights), fields, HF_TRY(tflite_clamp(view)));
}

Drafts draft_tflite_depthwise(const NodeView& view) {
    HF_TRY(need_f32(view));
    const Tensor weights = HF_TRY(need_constant(view, 1, DType::kF32));
    HF_TRY(need_images(view));
    HF_TRY(check_tflite(view, weights.shape()[3], weights.shape()[3]));
    HF_TRY(check_bias(view, weights.shape()[3]));
    const Fields fields = tflite_fields(view, view.shape(0)[3]);
    return finished(view, depthwise_draft(view, weights), fields, HF_TRY(tflite_clamp(view)));
}

// Whether oneDNN was measured to be faster (docs/adr/0009), for weights [filters][h][w][channels].
Status library_pays(const NodeView& view) {
    HF_TRY(need_images(view));
    const Shape& w = view.shape(1);
    if (w.elements() == 0) return unimplemented("there are no weights");
    if (kernels::has_avx3()) return unimplemented("ours is faster with AVX-512");
    const bool shallow = w[3] < kLibraryChannels;
    const bool pointwise = w[1] == 1 && w[2] == 1 && w.elements() >= kLibraryWeights;
    if (!shallow && !pointwise) return unimplemented("ours is as fast for such windows");
    const std::int64_t macs = view.out_shape().elements() * (w.elements() / w[0]);
    if (macs < kLibraryMacs) return unimplemented("ours is as fast for {} multiply-adds", macs);
    return {};
}

Drafts by_library(Drafts plain) {
    HF_TRY(onednn::Library::instance().status());
    return by_kernel(std::move(plain), "onednn.conv_f32");
}

Drafts draft_hf_conv_library(const NodeView& view) {
    return by_library(draft_hf_conv(view));
}

Drafts draft_tflite_conv_library(const NodeView& view) {
    return by_library(draft_tflite_conv(view));
}

Drafts in_bf16(const NodeView& view, Drafts plain) {
    std::vector<Draft> drafts = HF_TRY(std::move(plain));
    const std::int64_t groups = drafts[0].ints[kGroup];
    if (groups != 1) return unimplemented("there are {} groups", groups);
    return by_bf16(view, std::move(drafts), "simd.conv_bf16");
}

Drafts draft_hf_conv_bf16(const NodeView& view) {
    return in_bf16(view, draft_hf_conv(view));
}
Drafts draft_tflite_conv_bf16(const NodeView& view) {
    return in_bf16(view, draft_tflite_conv(view));
}

Drafts draft_hf_winograd(const NodeView& view) {
    return by_winograd(view, draft_hf_conv(view));
}
Drafts draft_tflite_winograd(const NodeView& view) {
    return by_winograd(view, draft_tflite_conv(view));
}

// The fields after the geometry: input and output zero points and the bounds.
Result<Fields> integer_fields(const NodeView& view) {
    const Affine in = HF_TRY(affine_of(view.input(0)));
    const Affine out = HF_TRY(affine_of(view.output()));
    const StoredBounds bounds = HF_TRY(stored_bounds(view, out));
    return Fields{in.zero, out.zero, bounds.min, bounds.max, 0};
}

// How sums become stored values again: the channels' table and the fields after the geometry.
struct Rescaling {
    Tensor table;
    Fields fields;
};

// Weights [filters][h][w][channels].
Draft conv_i8_draft(const NodeView& view, const Fields& fields, const Tensor& weights,
                    Rescaling rescaling) {
    const auto channels = static_cast<std::size_t>(weights.shape()[0]);
    kernels::Windows windows;
    const bool whole_rows = fields[kDilationX] == 1;
    windows.segments_y = static_cast<std::size_t>(fields[kKernelY]);
    windows.segments_x = whole_rows ? 1 : static_cast<std::size_t>(fields[kKernelX]);
    windows.run = static_cast<std::size_t>((whole_rows ? fields[kKernelX] : 1) * view.shape(0)[3]);
    Tensor packed(DType::kI8, Shape{static_cast<std::int64_t>(kernels::packed_size_i8(
                                  channels, windows.segments(), windows.run))});
    kernels::pack_i8({weights.values<std::int8_t>().data(), channels, windows.depth(), 1}, windows,
                     packed.mutable_values<std::int8_t>().data());
    Draft draft;
    draft.kernel = "simd.conv_i8";
    draft.inputs = {DraftInput::of(view.node.inputs[0]), DraftInput::of(std::move(packed)),
                    DraftInput::of(std::move(rescaling.table))};
    draft.ints = std::move(rescaling.fields);
    draft.scratch_bytes = widened_bytes(strip_elements(view, fields, 1, sizeof(std::int16_t)));
    return draft;
}

// Weights as taps x channels.
Result<Draft> depthwise_i8_draft(const NodeView& view, const Fields& fields,
                                 std::span<const std::int8_t> taps, Rescaling rescaling) {
    if (fields[kKernelY] * fields[kKernelX] > static_cast<std::int64_t>(kernels::kMaxTapsI8)) {
        return unimplemented("the window has {} x {} taps", fields[kKernelY], fields[kKernelX]);
    }
    kernels::Depthwise geometry;
    geometry.channels = static_cast<std::size_t>(view.out_shape()[3]);
    geometry.padded_channels = padded_to_panel(geometry.channels);
    geometry.kernel_height = static_cast<std::size_t>(fields[kKernelY]);
    geometry.kernel_width = static_cast<std::size_t>(fields[kKernelX]);
    Tensor packed(DType::kI8,
                  Shape{static_cast<std::int64_t>(kernels::packed_size_depthwise_i8(
                      geometry.kernel_height * geometry.kernel_width, geometry.padded_channels))});
    kernels::pack_depthwise_i8(geometry, taps.data(), packed.mutable_values<std::int8_t>().data());
    Draft draft;
    draft.kernel = "simd.depthwise_i8";
    draft.inputs = {DraftInput::of(view.node.inputs[0]), DraftInput::of(std::move(packed)),
                    DraftInput::of(std::move(rescaling.table))};
    draft.ints = std::move(rescaling.fields);
    draft.scratch_bytes =
        widened_bytes(strip_elements(view, fields, kernels::kPanel, sizeof(std::int16_t)));
    return draft;
}

Drafts draft_tflite_conv_i8(const NodeView& view) {
    HF_TRY(need_dtype(view, 0, DType::kI8));
    const Tensor weights = HF_TRY(need_constant(view, 1, DType::kI8));
    HF_TRY(need_images(view));
    HF_TRY(check_tflite(view, weights.shape()[0], weights.shape()[3]));
    const Fields fields = tflite_fields(view, 1);
    const auto channels = static_cast<std::size_t>(weights.shape()[0]);
    Rescaling rescaling;
    rescaling.table = HF_TRY(channel_table(view, {weights, channels, false}));
    rescaling.fields = HF_TRY(integer_fields(view));
    return finished(view, conv_i8_draft(view, fields, weights, std::move(rescaling)), fields,
                    no_clamp());
}

Drafts draft_tflite_depthwise_i8(const NodeView& view) {
    HF_TRY(need_dtype(view, 0, DType::kI8));
    const Tensor weights = HF_TRY(need_constant(view, 1, DType::kI8));
    HF_TRY(need_images(view));
    HF_TRY(check_tflite(view, weights.shape()[3], weights.shape()[3]));
    const Fields fields = tflite_fields(view, view.shape(0)[3]);
    const auto channels = static_cast<std::size_t>(weights.shape()[3]);
    Rescaling rescaling;
    rescaling.table = HF_TRY(channel_table(view, {weights, channels, true}));
    rescaling.fields = HF_TRY(integer_fields(view));
    return finished(view,
                    HF_TRY(depthwise_i8_draft(view, fields, weights.values<std::int8_t>(),
                                              std::move(rescaling))),
                    fields, no_clamp());
}

// The two drafts of hf.QConv2d share their refusals.
struct QuantizedConv {
    Tensor weights;
    Fields fields;
    Rescaling rescaling;
};

Result<QuantizedConv> quantized_conv(const NodeView& view) {
    HF_TRY(need_dtype(view, 0, DType::kI8));
    HF_TRY(need_images(view));
    QuantizedConv conv;
    conv.weights = HF_TRY(need_constant(view, 1, DType::kI8));
    conv.fields = HF_TRY(hf_fields(view));
    if (conv.weights.elements() == 0 || conv.weights.shape()[0] != view.out_shape()[3]) {
        return unimplemented("weights {} do not fit the output", conv.weights.shape().to_string());
    }
    conv.rescaling.table = HF_TRY(real_channel_table(view, conv.weights));
    conv.rescaling.fields = real_fields(view);
    return conv;
}

Drafts draft_hf_conv_i8(const NodeView& view) {
    QuantizedConv conv = HF_TRY(quantized_conv(view));
    if (conv.fields[kGroup] != 1) return unimplemented("there are {} groups", conv.fields[kGroup]);
    return finished(view, conv_i8_draft(view, conv.fields, conv.weights, std::move(conv.rescaling)),
                    conv.fields, no_clamp());
}

Drafts draft_hf_depthwise_i8(const NodeView& view) {
    QuantizedConv conv = HF_TRY(quantized_conv(view));
    const std::int64_t channels = view.shape(0)[3];
    if (conv.fields[kGroup] != channels || conv.weights.shape()[0] != channels ||
        conv.weights.shape()[3] != 1) {
        return unimplemented("it is not depthwise");
    }
    const auto count = static_cast<std::size_t>(channels);
    const auto from = conv.weights.values<std::int8_t>();
    std::vector<std::int8_t> taps(from.size());
    const std::size_t size = from.size() / count;
    for (std::size_t i = 0; i < taps.size(); ++i) taps[i % size * count + i / size] = from[i];
    return finished(view,
                    HF_TRY(depthwise_i8_draft(view, conv.fields, taps, std::move(conv.rescaling))),
                    conv.fields, no_clamp());
}

}  // namespace

std::vector<LoweringRow> conv_lowerings() {
    return {{"hf",
             "Conv2d",
             {{"simd.depthwise_f32", draft_hf_depthwise},
              {"simd.conv_bf16", draft_hf_conv_bf16, Math::kBf16},
              {"simd.winograd_f32", draft_hf_winograd},
              {"onednn.conv_f32", draft_hf_conv_library, Math::kF32, library_pays},
              {"simd.conv_f32", draft_hf_conv}}},
            {"hf",
             "QConv2d",
             {{"simd.depthwise_i8", draft_hf_depthwise_i8}, {"simd.conv_i8", draft_hf_conv_i8}}},
            {"tflite",
             "CONV_2D",
             {{"simd.conv_bf16", draft_tflite_conv_bf16, Math::kBf16},
              {"simd.winograd_f32", draft_tflite_winograd},
              {"onednn.conv_f32", draft_tflite_conv_library, Math::kF32, library_pays},
              {"simd.conv_f32", draft_tflite_conv},
              {"simd.conv_i8", draft_tflite_conv_i8}}},
            {"tflite",
             "DEPTHWISE_CONV_2D",
             {{"simd.depthwise_f32", draft_tflite_depthwise},
              {"simd.depthwise_i8", draft_tflite_depthwise_i8}}}};
}

}  // namespace hf::runtime::cpu
