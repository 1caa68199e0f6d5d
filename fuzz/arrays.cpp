// NumPy's .npy and .npz files. An array that is read is written and read back the same.

#include "base/check.h"
#include "tensor/npy.h"
#include "tensor/npz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const hf::ByteView bytes(data, size);
    (void)hf::parse_npz(bytes);
    const auto tensor = hf::parse_npy(bytes);
    if (!tensor.ok()) return 0;
    const auto written = hf::write_npy(*tensor);
    HF_CHECK(written.ok());
    const auto again = hf::parse_npy(*written);
    HF_CHECK(again.ok() && again->shape() == tensor->shape() && again->dtype() == tensor->dtype());
    return 0;
}
