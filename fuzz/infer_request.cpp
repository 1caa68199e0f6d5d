// Inference requests. The first two bytes choose the length of the JSON part, or that there is no
// binary part. What the quick reader reads, the other reads as the same.

#include "serve/infer_request.h"
#include "base/check.h"
#include "serve/plain_request.h"

namespace {

using hf::DType;
using hf::serve::InferRequest;

// With a member that is not known, so that it is not plain.
void compare(const InferRequest& plain, std::string_view json, hf::ByteView binary,
             const hf::runtime::Signature& signature) {
    const std::size_t brace = json.find('{');
    hf::Bytes body = hf::to_bytes("{\"ignored\":null," + std::string(json.substr(brace + 1)));
    const std::size_t head = body.size();
    body.insert(body.end(), binary.begin(), binary.end());
    const auto other = hf::serve::parse_infer_request(body, head, signature);
    HF_CHECK(other.ok(), "{}", other.status().to_string());
    HF_CHECK(plain.id == other->id && plain.outputs.size() == other->outputs.size());
    for (std::size_t i = 0; i < plain.outputs.size(); ++i) {
        HF_CHECK(plain.outputs[i].output == other->outputs[i].output);
        HF_CHECK(plain.outputs[i].binary == other->outputs[i].binary);
    }
    for (std::size_t i = 0; i < plain.inputs.size(); ++i) {
        const hf::ByteView ours = plain.inputs[i].bytes();
        const hf::ByteView theirs = other->inputs[i].bytes();
        HF_CHECK(plain.inputs[i].shape() == other->inputs[i].shape());
        HF_CHECK(std::equal(ours.begin(), ours.end(), theirs.begin(), theirs.end()));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    static const hf::runtime::Signature signature{
        {{"x", DType::kF32, {hf::Shape::kUnknown, 2}}, {"s", DType::kString, {1}}},
        {{"y", DType::kF32, {1}}}};
    static const hf::runtime::Signature numbers{
        {{"x", DType::kF32, {hf::Shape::kUnknown, 2}}, {"n", DType::kI8, {2}}},
        {{"y", DType::kF32, {1}}, {"z", DType::kF32, {1}}}};
    const std::size_t chosen = hf::load_le<std::uint16_t>(data);
    const hf::ByteView body(data + 2, size - 2);
    const auto json_bytes = chosen == 0xFFFF ? std::nullopt : std::optional<std::size_t>(chosen);
    (void)hf::serve::parse_infer_request(body, json_bytes, signature);
    const hf::ByteView head = body.first(std::min(json_bytes.value_or(body.size()), body.size()));
    const hf::ByteView binary = body.subspan(head.size());
    if (const auto plain = hf::serve::read_plain_request(hf::as_text(head), binary, numbers)) {
        compare(*plain, hf::as_text(head), binary, numbers);
    }
    return 0;
}
