// ModelInferRequest and ModelInferResponse of the Open Inference Protocol, between Protocol Buffers
// and tensors. Pure. Every error names the place in the request as infer_request.h does for JSON:
// "/inputs/0/shape: ...". Tensors come and go as raw bytes (`raw_input_contents`) or typed
// (`contents`), all of a message in one of the two; FP16 and BF16 have no typed form.

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "serve/grpc/messages.h"
#include "serve/infer_request.h"

namespace hf::serve::grpc {

// Inputs, outputs or raw contents of one request.
inline constexpr std::size_t kTensorsMax = 4096;

// A request before it is held against a signature. Views borrow from the message.
struct InferCall {
    struct Tensor {
        std::string name;
        std::string datatype;
        std::vector<std::int64_t> shape;
        ByteView contents;
        bool has_contents = false;
        std::vector<Parameter> parameters;
    };

    std::string model_name;
    std::string model_version;
    std::string id;
    bool wants_final = false;               // the parameter triton_enable_empty_final_response
    std::optional<std::uint64_t> priority;  // these as in JSON
    std::optional<std::uint64_t> timeout;
    SequenceMark sequence;
    std::vector<Tensor> inputs;
    std::vector<Tensor> outputs;  // names and parameters alone
    std::vector<ByteView> raw;
};

Result<InferCall> read_infer_call(ByteView message);

// Whether tensors go as raw bytes: where any come so. What lies in shared memory has no other form.
bool is_raw(const InferCall& call);

// What each input has among the raw contents; null where it is typed or lies in shared memory.
Result<std::vector<const ByteView*>> raw_contents(const InferCall& call);

// Inputs that lie in shared memory are read from `regions` (null: there is none), and have no entry
// among the raw contents.
Result<InferRequest> to_infer_request(const InferCall& call, const runtime::Signature& signature,
                                      const Regions* regions = nullptr);

// An answer in the form of its request, or raw where an output has no typed form. An output that
// went to shared memory has an empty entry among the raw contents, so that the others keep theirs.
Bytes write_infer_answer(const InferCall& call, const InferRequest& request, const Answer& answer,
                         const runtime::Signature& signature);

// The parameter that an answer has where its request set triton_enable_empty_final_response.
inline constexpr std::string_view kFinal = "triton_final_response";

// An entry of the map of parameters that an answer, or an output of it, has in field 4.
void add_parameter(protozero::pbf_writer& to, std::string_view name, const json::Value& value);

// ModelStreamInferResponse around it.
Bytes wrap_in_stream(ByteView answer);

}  // namespace hf::serve::grpc
