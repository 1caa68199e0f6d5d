// TFLite files, as graph::load takes them: an error or a graph that the verifier accepts, whether
// constants are copied or borrowed.

#include "base/check.h"
#include "graph/tflite/import.h"
#include "graph/verify.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto owner = std::make_shared<const hf::Bytes>(data, data + size);
    const auto copied = hf::graph::tflite::import_model(*owner, nullptr);
    const auto borrowed = hf::graph::tflite::import_model(*owner, owner);
    HF_CHECK(copied.ok() == borrowed.ok());
    if (copied.ok()) HF_CHECK(hf::graph::verify(*copied).ok());
    return 0;
}
