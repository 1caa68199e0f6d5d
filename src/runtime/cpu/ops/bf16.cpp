// Convolutions and products in bfloat16: as they were drafted in fp32, with other weights.

#include <algorithm>
#include <cmath>

#include "runtime/cpu/ops/families.h"
#include "runtime/cpu/steps/products.h"

namespace hf::runtime::cpu {

Drafts by_bf16(const NodeView& view, Drafts plain, std::string_view kernel) {
    std::vector<Draft> drafts = HF_TRY(std::move(plain));
    Draft& draft = drafts[0];
    const Tensor& panels = draft.inputs[1].weights;
    const Shape& y = view.out_shape();
    const auto columns = static_cast<std::size_t>(y[y.rank() - 1]);
    const auto rows = static_cast<std::size_t>(y.elements()) / std::max<std::size_t>(1, columns);
    const auto from = panels.values<float>();
    if (columns == 0 || from.empty()) return unimplemented("there are no weights");
    // Largest fp32 numbers are rounded up to infinity.
    if (std::any_of(from.begin(), from.end(), [](float value) {
            return std::isfinite(value) && !std::isfinite(bfloat_to_float(float_to_bfloat(value)));
        })) {
        return unimplemented("weights are too large for bfloat16");
    }
    const std::size_t depth = from.size() / kernels::packed_columns(columns);
    Tensor packed(DType::kBF16,
                  Shape{static_cast<std::int64_t>(ProductBf16::packed_size(columns, depth))});
    std::uint16_t* to = packed.mutable_values<std::uint16_t>().data();
    for (std::size_t first = 0; first < columns; first += kernels::kPanel) {
        kernels::pack_bf16({from.data() + first * depth, kernels::kPanel, 1, kernels::kPanel},
                           depth, to + ProductBf16::packed_size(first, depth));
    }
    draft.kernel = kernel;
    draft.inputs[1] = DraftInput::of(std::move(packed));
    draft.scratch_bytes =
        product_scratch<ProductBf16>(draft.scratch_bytes, kernels::Windows::matrix(rows, depth));
    return drafts;
}

}  // namespace hf::runtime::cpu
