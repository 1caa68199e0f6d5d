// ONNX files, as graph::load takes them: an error or a graph that the verifier accepts.

#include "base/check.h"
#include "graph/load.h"
#include "graph/verify.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const hf::ByteView bytes(data, size);
    if (hf::graph::detect_format(bytes) != hf::graph::Format::kOnnx) return 0;
    const auto graph = hf::graph::load(bytes, hf::graph::no_external_data());
    if (graph.ok()) HF_CHECK(hf::graph::verify(*graph).ok());
    return 0;
}
