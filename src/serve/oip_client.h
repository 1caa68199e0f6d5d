// The client's half of the Open Inference Protocol (KServe v2 REST) with binary tensor data: what a
// server says of a model, a request, and its answer. Pure functions; what a server says is checked
// like any other input.

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "runtime/model.h"

namespace hf::serve {

// Of an answer: the digest of the model whose answer it is, or two of them with ", " between.
inline constexpr const char* kModelDigestHeader = "holdfast-model-digest";

// Of a 503 that is the answer: a cascade rather refuses than guesses, and the machine is well.
inline constexpr const char* kCascadeRefusedHeader = "holdfast-cascade-refused";

// Of a 404 that is the answer: the model is here, and no task is declared of it.
inline constexpr const char* kNoTaskHeader = "holdfast-no-task";

// Of GET /v2/models/NAME.
Result<runtime::Signature> parse_model_metadata(std::string_view body);

struct InferenceCall {
    Bytes body;
    std::size_t json_bytes = 0;  // the header Inference-Header-Content-Length
};

// All inputs and outputs as binary data. REQUIRES: inputs in signature order.
InferenceCall write_inference(const runtime::Signature& signature,
                              const std::vector<Tensor>& inputs);

struct NamedOutput {
    std::string name;
    Tensor tensor;
};

struct InferenceAnswer {
    std::string model_name;
    std::string model_version;
    std::vector<NamedOutput> outputs;
};

// `json_bytes`: the header of the answer, when it has one.
Result<InferenceAnswer> parse_inference_answer(ByteView body,
                                               std::optional<std::size_t> json_bytes);

}  // namespace hf::serve
