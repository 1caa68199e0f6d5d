// Inference requests. The first two bytes choose the length of the JSON part, or that there is no
// binary part.

#include "serve/infer_request.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using hf::DType;
    if (size < 2) return 0;
    static const hf::runtime::Signature signature{
        {{"x", DType::kF32, {hf::Shape::kUnknown, 2}}, {"s", DType::kString, {1}}},
        {{"y", DType::kF32, {1}}}};
    const std::size_t chosen = hf::load_le<std::uint16_t>(data);
    const hf::ByteView body(data + 2, size - 2);
    const auto json_bytes = chosen == 0xFFFF ? std::nullopt : std::optional<std::size_t>(chosen);
    (void)hf::serve::parse_infer_request(body, json_bytes, signature);
    return 0;
}
