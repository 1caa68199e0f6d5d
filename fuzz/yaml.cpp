// YAML manifests: what is read is written and read back as the same value.

#include "api/yaml.h"
#include "base/bytes.h"
#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto value = hf::api::parse_yaml(hf::as_text({data, size}));
    if (!value.ok()) return 0;
    const auto again = hf::api::parse_yaml(hf::api::write_yaml(*value));
    HF_CHECK(again.ok(), "{}", again.status().to_string());
    HF_CHECK(*again == *value);
    return 0;
}
