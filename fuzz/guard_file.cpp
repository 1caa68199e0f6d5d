// Guards, against a signature; what is accepted is written, read again, and judges.

#include "serve/guard/guard.h"
#include "serve/guard/scores.h"
#include "serve/guard/verdict.h"

namespace {

namespace guard = hf::serve::guard;
using hf::DType;
using hf::Tensor;
using hf::runtime::Port;

const hf::runtime::Signature kSignature{
    {Port{"x", DType::kF32, {1, 1, 3, 4}}, Port{"n", DType::kI8, {1, 2}}},
    {Port{"y", DType::kF32, {1, 3}}, Port{"z", DType::kF32, {1, 2}}}};

std::vector<Tensor> some(const std::vector<Port>& ports, hf::Rng& rng) {
    std::vector<Tensor> tensors;
    for (const Port& port : ports) tensors.push_back(random_tensor(port.dtype, port.shape, rng));
    return tensors;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const hf::Result<guard::Guard> parsed = guard::parse(hf::as_text({data, size}));
    if (!parsed.ok()) return 0;
    const std::string text = guard::write(*parsed);
    const hf::Result<guard::Guard> again = guard::parse(text);
    HF_CHECK(again.ok(), "{}", again.status().message());
    const hf::Result<guard::Guard> bound = guard::bind(*parsed, kSignature, 1);
    if (!bound.ok()) return 0;
    hf::Rng rng(size);
    const std::vector<Tensor> inputs = some(kSignature.inputs, rng);
    const std::vector<Tensor> outputs = some(kSignature.outputs, rng);
    std::vector<std::vector<Tensor>> squeezed;
    if (bound->squeezing) {
        for (const guard::Squeezer& squeezer : bound->squeezing->squeezers) {
            const Tensor& images = inputs[bound->squeezing->input_index];
            HF_CHECK(!squeeze(images, squeezer).is_null(), "squeezed to nothing");
            squeezed.push_back(outputs);
        }
    }
    const guard::Verdict verdict = guard::judge(*bound, {inputs, outputs, squeezed});
    (void)guard::account(bound->mode, verdict);
    if (verdict.suspicious()) (void)guard::refusal(*bound, verdict);
    return 0;
}
