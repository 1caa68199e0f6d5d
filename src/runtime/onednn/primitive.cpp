#include "runtime/onednn/primitive.h"

#include <cmath>
#include <initializer_list>

#include "kernels/simd/targets.h"

namespace hf::runtime::onednn {
namespace {

// The layouts of packed weights below have 16 output channels a block.
static_assert(kernels::kPanel == 16);

using Layout = dnnl_memory_desc_t;

Result<Layout> layout(const Library& library, std::initializer_list<std::int64_t> extents,
                      dnnl_format_tag_t order) {
    Layout made;
    HF_TRY(to_status(library.api().memory_desc_init_by_tag(&made, static_cast<int>(extents.size()),
                                                           std::data(extents), dnnl_f32, order),
                     "layout"));
    return made;
}

Status append_clamp(const Api& api, dnnl_post_ops_t after, const Fused& fused) {
    const bool low = std::isfinite(fused.min), high = std::isfinite(fused.max);
    if (!low && !high) return {};
    if (fused.min == 0 && !high) {
        return to_status(api.post_ops_append_eltwise(after, 1, dnnl_eltwise_relu, 0, 0), "ReLU");
    }
    if (!low || !high) return unimplemented("oneDNN has no clamp with one bound");
    return to_status(api.post_ops_append_eltwise(after, 1, dnnl_eltwise_clip, fused.min, fused.max),
                     "clamp");
}

Result<Owned<dnnl_primitive_attr_t>> attributes(const Api& api, const Fused& fused) {
    dnnl_post_ops_t after = nullptr;
    HF_TRY(to_status(api.post_ops_create(&after), "post-ops"));
    const Owned<dnnl_post_ops_t> owned_after(after, {api.post_ops_destroy});
    if (fused.adds_output) HF_TRY(to_status(api.post_ops_append_sum(after, 1), "sum"));
    HF_TRY(append_clamp(api, after, fused));
    dnnl_primitive_attr_t made = nullptr;
    HF_TRY(to_status(api.primitive_attr_create(&made), "attributes"));
    Owned<dnnl_primitive_attr_t> owned(made, {api.primitive_attr_destroy});
    HF_TRY(to_status(api.primitive_attr_set_post_ops(made, after), "post-ops"));
    HF_TRY(to_status(api.primitive_attr_set_scratchpad_mode(made, dnnl_scratchpad_mode_user),
                     "scratchpad"));
    return owned;
}

// Empty where the primitive has no such operand.
Layout queried(const Api& api, const_dnnl_primitive_desc_t descriptor, dnnl_query_t what) {
    const Layout* found = api.primitive_desc_query_md(descriptor, what, 0);
    return found ? *found : Layout{};
}

// Where windows overhang the image, "brgconv" of oneDNN 2.6 (the newest of Debian 12, chosen on
// machines with AVX-512) leaves products out or faults; library_test.cpp meets both.
bool is_faulty(std::string_view implementation) {
    return implementation.find("brg") != std::string_view::npos;
}

}  // namespace

Result<Choice> Choice::make(const Library& library, const_dnnl_op_desc_t shape,
                            const Fused& fused) {
    const Api& api = library.api();
    HF_TRY(library.stream());  // the thread works alone before the library counts threads
    const Owned<dnnl_primitive_attr_t> with = HF_TRY(attributes(api, fused));
    dnnl_primitive_desc_iterator_t started = nullptr;
    HF_TRY(to_status(
        api.primitive_desc_iterator_create(&started, shape, with.get(), library.engine(), nullptr),
        "implementation"));
    const Owned<dnnl_primitive_desc_iterator_t> iterator(started,
                                                         {api.primitive_desc_iterator_destroy});
    Choice choice;
    choice.library_ = &library;
    do {
        dnnl_primitive_desc_t made = api.primitive_desc_iterator_fetch(iterator.get());
        choice.descriptor_ = Owned<dnnl_primitive_desc_t>(made, {api.primitive_desc_destroy});
        const char* name = "";
        HF_TRY(
            to_status(api.primitive_desc_query(made, dnnl_query_impl_info_str, 0, &name), "name"));
        choice.implementation_ = name;
    } while (is_faulty(choice.implementation_) &&
             api.primitive_desc_iterator_next(iterator.get()) == dnnl_success);
    if (is_faulty(choice.implementation_) ||
        choice.implementation_.find("ref") != std::string::npos) {
        return unimplemented("oneDNN has only {} for this shape", choice.implementation_);
    }
    const Layout scratch = queried(api, choice.descriptor_.get(), dnnl_query_scratchpad_md);
    choice.scratch_bytes_ = api.memory_desc_get_size(&scratch);
    return choice;
}

Result<Choice> Choice::convolution(const Convolution& c, const Fused& fused) {
    const Library& library = *HF_TRY(Library::instance());
    const bool grouped = c.group > 1;
    const std::int64_t out = c.out_channels / c.group, in = c.in_channels / c.group;
    const auto weights = [&](dnnl_format_tag_t one, dnnl_format_tag_t several) {
        return grouped ? layout(library, {c.group, out, in, c.kernel[0], c.kernel[1]}, several)
                       : layout(library, {out, in, c.kernel[0], c.kernel[1]}, one);
    };
    const Layout x = HF_TRY(layout(library, {c.batch, c.in_channels, c.in[0], c.in[1]}, dnnl_nhwc));
    const Layout y =
        HF_TRY(layout(library, {c.batch, c.out_channels, c.out[0], c.out[1]}, dnnl_nhwc));
    const Layout any = HF_TRY(weights(dnnl_format_tag_any, dnnl_format_tag_any));
    const Layout bias = HF_TRY(layout(library, {c.out_channels}, dnnl_a));
    const std::array<std::int64_t, 2> skipped{c.dilation[0] - 1, c.dilation[1] - 1};
    dnnl_convolution_desc_t shape;
    HF_TRY(to_status(library.api().convolution_desc_init(
                         &shape, dnnl_forward_inference, dnnl_convolution_direct, &x, &any, &bias,
                         &y, c.stride.data(), skipped.data(), c.before.data(), c.after.data()),
                     "convolution"));
    Choice choice = HF_TRY(make(library, &shape, fused));
    choice.panels_ = HF_TRY(weights(dnnl_Ohwi16o, dnnl_gOhwi16o));
    return choice;
}

Result<Primitive> Primitive::create(Choice choice, const float* packed) {
    const Library& library = *choice.library_;
    const Api& api = library.api();
    const_dnnl_primitive_desc_t descriptor = choice.descriptor_.get();
    HF_TRY(library.stream());
    dnnl_primitive_t made = nullptr;
    HF_TRY(to_status(api.primitive_create(&made, descriptor), "code"));
    Primitive primitive;
    primitive.library_ = &library;
    primitive.primitive_ = Owned<dnnl_primitive_t>(made, {api.primitive_destroy});
    primitive.in_ = queried(api, descriptor, dnnl_query_src_md);
    primitive.weights_ = queried(api, descriptor, dnnl_query_weights_md);
    primitive.out_ = queried(api, descriptor, dnnl_query_dst_md);
    primitive.scratch_ = queried(api, descriptor, dnnl_query_scratchpad_md);
    const Layout* bias = api.primitive_desc_query_md(descriptor, dnnl_query_weights_md, 1);
    if (bias) primitive.bias_ = *bias;
    HF_TRY(primitive.reorder(packed, choice.panels_));
    return primitive;
}

Status Primitive::reorder(const float* packed, const dnnl_memory_desc_t& panels) {
    const Api& api = library_->api();
    const std::size_t size = api.memory_desc_get_size(&weights_);
    reordered_ = Tensor(DType::kU8, Shape{static_cast<std::int64_t>(size)});
    dnnl_primitive_desc_t descriptor = nullptr;
    HF_TRY(to_status(api.reorder_primitive_desc_create(&descriptor, &panels, library_->engine(),
                                                       &weights_, library_->engine(), nullptr),
                     "reordering"));
    const Owned<dnnl_primitive_desc_t> owned(descriptor, {api.primitive_desc_destroy});
    dnnl_primitive_t made = nullptr;
    HF_TRY(to_status(api.primitive_create(&made, descriptor), "reordering"));
    const Owned<dnnl_primitive_t> primitive(made, {api.primitive_destroy});
    const Owned<dnnl_memory_t> from = HF_TRY(memory(panels, packed));
    const Owned<dnnl_memory_t> to = HF_TRY(memory(weights_, reordered_.mutable_bytes().data()));
    const std::array<dnnl_exec_arg_t, 2> operands{
        {{DNNL_ARG_FROM, from.get()}, {DNNL_ARG_TO, to.get()}}};
    return to_status(api.primitive_execute(made, HF_TRY(library_->stream()), 2, operands.data()),
                     "reordering");
}

// The library's handles do not know const; which operands it writes is fixed by the primitive.
Result<Owned<dnnl_memory_t>> Primitive::memory(const dnnl_memory_desc_t& layout,
                                               const void* data) const {
    dnnl_memory_t made = nullptr;
    HF_TRY(to_status(
        library_->api().memory_create(&made, &layout, library_->engine(), const_cast<void*>(data)),
        "memory"));
    return Owned<dnnl_memory_t>(made, {library_->api().memory_destroy});
}

Status Primitive::run(const Operands& operands) const {
    struct Row {
        int argument;
        const dnnl_memory_desc_t& layout;
        const void* data;
    };
    const std::array<Row, 5> rows{{{DNNL_ARG_SRC, in_, operands.in},
                                   {DNNL_ARG_WEIGHTS, weights_, reordered_.bytes().data()},
                                   {DNNL_ARG_BIAS, bias_, operands.bias},
                                   {DNNL_ARG_DST, out_, operands.out},
                                   {DNNL_ARG_SCRATCHPAD, scratch_, operands.scratch}}};
    std::array<Owned<dnnl_memory_t>, 5> owned;
    std::array<dnnl_exec_arg_t, 5> arguments;
    int count = 0;
    for (const Row& row : rows) {
        if (row.layout.ndims == 0) continue;
        const auto at = static_cast<std::size_t>(count++);
        owned[at] = HF_TRY(memory(row.layout, row.data));
        arguments[at] = {row.argument, owned[at].get()};
    }
    return to_status(library_->api().primitive_execute(primitive_.get(), HF_TRY(library_->stream()),
                                                       count, arguments.data()),
                     "run");
}

}  // namespace hf::runtime::onednn
