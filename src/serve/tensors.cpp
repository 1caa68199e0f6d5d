#include "serve/tensors.h"

#include <algorithm>

namespace hf::serve {
namespace {

Result<Tensor> strings_from_binary(ByteView bytes, const Shape& shape) {
    // Each element takes at least its four bytes of length: a bound before memory is taken.
    const auto count = static_cast<std::size_t>(shape.elements());
    if (count > bytes.size() / 4) {
        return invalid_argument("{} bytes are too few for {} BYTES elements", bytes.size(), count);
    }
    ByteReader reader(bytes);
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < count; ++i) {
        const auto length = HF_TRY(reader.read<std::uint32_t>());
        texts.emplace_back(as_text(HF_TRY(reader.take(length))));
    }
    if (reader.remaining() > 0) {
        return invalid_argument("{} bytes are left after the last BYTES element",
                                reader.remaining());
    }
    return Tensor::of_strings(shape, std::move(texts));
}

}  // namespace

Result<Tensor> tensor_from_binary(ByteView bytes, DType dtype, const Shape& shape) {
    HF_TRY(shape.check());
    if (dtype == DType::kString) {
        Result<Tensor> tensor = strings_from_binary(bytes, shape);
        if (!tensor.ok()) return invalid_argument("{}", tensor.status().message());
        return tensor;
    }
    const std::size_t wanted = static_cast<std::size_t>(shape.elements()) * dtype_size(dtype);
    if (bytes.size() != wanted) {
        return invalid_argument("{} binary bytes where shape {} of {} needs {}", bytes.size(),
                                shape.to_string(), oip_name(dtype), wanted);
    }
    if (dtype == DType::kBool) {
        const auto odd = std::find_if(bytes.begin(), bytes.end(), [](auto b) { return b > 1; });
        if (odd != bytes.end()) {
            return invalid_argument("byte {} is {}; a BOOL is 0 or 1", odd - bytes.begin(), *odd);
        }
    }
    Tensor tensor(dtype, shape);
    if (wanted > 0) std::memcpy(tensor.mutable_bytes().data(), bytes.data(), wanted);
    return tensor;
}

Bytes tensor_to_binary(const Tensor& tensor) {
    if (tensor.dtype() != DType::kString) return {tensor.bytes().begin(), tensor.bytes().end()};
    Bytes out;
    for (const std::string& text : tensor.strings()) {
        append_le(out, static_cast<std::uint32_t>(text.size()));
        out.insert(out.end(), text.begin(), text.end());
    }
    return out;
}

std::size_t binary_size(const Tensor& tensor) {
    if (tensor.dtype() != DType::kString) return tensor.bytes().size();
    std::size_t size = 0;
    for (const std::string& text : tensor.strings()) size += sizeof(std::uint32_t) + text.size();
    return size;
}

}  // namespace hf::serve
