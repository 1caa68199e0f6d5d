// JSON, and tensors in it.

#include "base/json.h"
#include "tensor/json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto value = hf::json::parse(hf::as_text({data, size}));
    if (!value.ok()) return 0;
    (void)hf::tensor_from_json(*value, hf::DType::kF32, hf::shape_of_json(*value));
    return 0;
}
