#include "cli/golden.h"

#include "base/rng.h"
#include "runtime/compile.h"

namespace hf::cli {
namespace {

Shape concrete(Shape shape) {
    for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
        if (shape[axis] == Shape::kUnknown) shape[axis] = 1;
    }
    return shape;
}

std::vector<Tensor> random_inputs(const runtime::Signature& signature, Rng& rng) {
    std::vector<Tensor> inputs;
    for (const runtime::Port& port : signature.inputs) {
        inputs.push_back(random_tensor(port.dtype, concrete(port.shape), rng));
    }
    return inputs;
}

std::vector<Tensor> zero_inputs(const runtime::Signature& signature) {
    std::vector<Tensor> inputs;
    for (const runtime::Port& port : signature.inputs) {
        inputs.emplace_back(port.dtype, concrete(port.shape));
    }
    return inputs;
}

vault::GoldenSample to_sample(const runtime::Signature& signature,
                              const std::vector<Tensor>& inputs,
                              const std::vector<Tensor>& outputs) {
    vault::GoldenSample sample;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        sample.inputs.push_back({signature.inputs[i].name, inputs[i]});
    }
    for (std::size_t i = 0; i < outputs.size(); ++i) {
        sample.outputs.push_back(
            {signature.outputs[i].name, outputs[i], vault::default_tolerance(outputs[i])});
    }
    return sample;
}

}  // namespace

Result<vault::Golden> make_golden(graph::Graph graph, std::size_t samples, std::uint64_t seed) {
    runtime::CompileOptions options;
    options.device = "ref";
    // As imported: a pass that changes what the model computes must show, not be believed.
    options.disabled_passes = {"all"};
    const std::shared_ptr<const runtime::CompiledModel> model =
        HF_TRY(runtime::compile(std::move(graph), options, nullptr));
    const runtime::Signature& signature = model->signature();
    const std::unique_ptr<runtime::Session> session = HF_TRY(model->new_session());
    vault::Golden golden;
    golden.device = "ref";
    golden.seed = seed;
    Rng rng(seed);
    for (std::size_t i = 0; i < samples; ++i) {
        std::vector<Tensor> inputs = random_inputs(signature, rng);
        Result<std::vector<Tensor>> outputs = session->run(inputs);
        if (!outputs.ok()) {
            inputs = zero_inputs(signature);
            outputs = session->run(inputs);
        }
        HF_TRY(outputs.status());
        golden.samples.push_back(to_sample(signature, inputs, *outputs));
    }
    return golden;
}

}  // namespace hf::cli
