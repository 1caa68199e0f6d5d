#include "tensor/datum.h"

namespace hf {
namespace {

std::uint64_t size_of(const Tensor& tensor) {
    std::uint64_t size = tensor.bytes().size();
    if (tensor.dtype() != DType::kString) return size;
    for (const std::string& text : tensor.strings()) size += sizeof text + text.size();
    return size;
}

}  // namespace

std::string_view Datum::kind() const {
    if (tensor()) return "a tensor";
    return sequence() ? "a sequence" : "an empty optional";
}

std::uint64_t Datum::size_bytes() const {
    if (const Tensor* only = tensor()) return size_of(*only);
    std::uint64_t size = 0;
    if (const Sequence* all = sequence()) {
        for (const Tensor& each : *all) size += sizeof each + size_of(each);
    }
    return size;
}

}  // namespace hf
