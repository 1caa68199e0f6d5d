// A call of ModelInfer, or of the model repository extension, as it comes over HTTP/2: a byte that
// says whether grpc-encoding is gzip, then framed messages. An inference says over REST, where a
// gateway passes it on, what it says here.

#include "base/check.h"
#include "serve/grpc/infer_call.h"
#include "serve/grpc/over_rest.h"
#include "serve/grpc/repository_message.h"
#include "serve/grpc/wire.h"
#include "serve/tensors.h"

namespace {

void compare(const hf::serve::grpc::InferCall& call, const hf::runtime::Signature& signature) {
    const auto direct = hf::serve::grpc::to_infer_request(call, signature);
    const auto rest = hf::serve::grpc::write_rest_request(call);
    HF_CHECK(rest.ok() || !direct.ok(), "{}", rest.status().to_string());
    if (!rest.ok()) return;
    const auto onward = hf::serve::parse_infer_request(rest->body, rest->json_bytes, signature);
    HF_CHECK(onward.ok() == direct.ok(), "'{}' or '{}'", onward.status().to_string(),
             direct.status().to_string());
    if (!direct.ok()) return;
    HF_CHECK(onward->id == direct->id && onward->priority == direct->priority &&
             onward->patience == direct->patience);
    HF_CHECK(onward->sequence.id == direct->sequence.id &&
             onward->sequence.start == direct->sequence.start &&
             onward->sequence.end == direct->sequence.end);
    HF_CHECK(onward->outputs.size() == direct->outputs.size());
    for (std::size_t i = 0; i < direct->inputs.size(); ++i) {
        HF_CHECK(hf::serve::tensor_to_binary(onward->inputs[i]) ==
                 hf::serve::tensor_to_binary(direct->inputs[i]));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using hf::DType;
    namespace grpc = hf::serve::grpc;
    if (size < 1) return 0;
    static const hf::runtime::Signature signature{{{"x", DType::kF32, {hf::Shape::kUnknown, 2}},
                                                   {"n", DType::kI8, {hf::Shape::kUnknown}},
                                                   {"s", DType::kString, {1}}},
                                                  {{"y", DType::kF32, {1}}}};
    constexpr std::size_t kBytesMax = 1u << 20;
    grpc::MessageReader reader(kBytesMax);
    reader.add({data + 1, size - 1});
    grpc::Message message;
    for (;;) {
        const hf::Result<bool> next = reader.next(message);
        if (!next.ok() || !*next) return 0;
        const grpc::Encoding encoding =
            data[0] == 'z' ? grpc::Encoding::kGzip : grpc::Encoding::kIdentity;
        const hf::Result<hf::Bytes> bytes = grpc::unpack(std::move(message), encoding, kBytesMax);
        if (!bytes.ok()) continue;
        (void)grpc::read_index_request(*bytes);
        (void)grpc::read_change_request(*bytes, hf::serve::Change::kLoad);
        (void)grpc::read_change_request(*bytes, hf::serve::Change::kUnload);
        const hf::Result<grpc::InferCall> call = grpc::read_infer_call(*bytes);
        if (call.ok()) compare(*call, signature);
    }
}
