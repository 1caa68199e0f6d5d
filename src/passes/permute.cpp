#include "passes/permute.h"

#include <cstring>

namespace hf::passes {

Shape unpermuted(const Shape& shape, const std::vector<std::int64_t>& order) {
    Shape from = shape;
    for (std::size_t i = 0; i < order.size(); ++i) {
        from[static_cast<std::size_t>(order[i])] = shape[i];
    }
    return from;
}

Tensor unpermuted(const Tensor& tensor, const std::vector<std::int64_t>& order) {
    std::vector<std::int64_t> padded(order.size() - tensor.shape().rank(), 1);
    padded.insert(padded.end(), tensor.shape().begin(), tensor.shape().end());
    const Shape from(padded);
    Tensor out(tensor.dtype(), unpermuted(from, order));
    if (out.elements() == 0) return out;
    const std::vector<std::int64_t> from_strides = from.strides();
    const std::vector<std::int64_t> to_strides = out.shape().strides();
    const std::size_t size = dtype_size(tensor.dtype());
    const std::span<std::uint8_t> to = out.mutable_bytes();
    for (std::int64_t index = 0; index < out.elements(); ++index) {
        std::int64_t place = 0;
        for (std::size_t i = 0; i < order.size(); ++i) {
            const std::int64_t at = index / from_strides[i] % from[i];
            place += at * to_strides[static_cast<std::size_t>(order[i])];
        }
        std::memcpy(to.data() + static_cast<std::size_t>(place) * size,
                    tensor.bytes().data() + static_cast<std::size_t>(index) * size, size);
    }
    return out;
}

}  // namespace hf::passes
