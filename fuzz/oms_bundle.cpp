// Signature bundles: nobody is trusted here, so that no bundle may pass.

#include "base/check.h"
#include "trust/oms.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto verified = hf::trust::verify_bundle(hf::as_text({data, size}), {});
    HF_CHECK(!verified.ok());
    return 0;
}
