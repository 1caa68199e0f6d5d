// Declarations of ensembles, against members of every kind; what is accepted answers a request,
// whose steps make tensors of the types that their models promise.

#include "serve/ensemble/flow.h"

namespace {

using hf::DType;
using hf::Shape;
using hf::Tensor;
using hf::runtime::Port;
using hf::serve::ensemble::Declaration;
using hf::serve::ensemble::Flow;
using hf::serve::ensemble::Member;
using hf::serve::ensemble::Members;
using hf::serve::ensemble::Plan;

constexpr std::int64_t kOpen = Shape::kUnknown;
constexpr std::int64_t kElementsMax = 1 << 12;
constexpr std::int64_t kRows = 3;

Member member(std::vector<Port> inputs, std::vector<Port> outputs, bool rows_apart) {
    Member of;
    of.signature = {std::move(inputs), std::move(outputs)};
    of.rows_apart = rows_apart;
    return of;
}

Members members() {
    Members all;
    all["a"] =
        member({Port{"x", DType::kF32, {kOpen, 4}}}, {Port{"y", DType::kF32, {kOpen, 4}}}, true);
    all["b"] = member({Port{"x", DType::kF32, {kOpen, 4}}, Port{"z", DType::kF32, {kOpen, 4}}},
                      {Port{"y", DType::kF32, {kOpen, 4}}, Port{"n", DType::kI64, {kOpen}}}, true);
    all["c"] = member({Port{"x", DType::kF32, {1, 4}}}, {Port{"y", DType::kF32, {1, 4}}}, false);
    all["d"] = member({Port{"x", DType::kString, {kOpen, kOpen}}},
                      {Port{"y", DType::kString, {kOpen, 2}}}, true);
    all["s"] = all["a"];
    all["s"].keeps_state = true;
    all["e"] = all["a"];
    all["e"].depth = 3;
    all["e"].runs = 90;
    return all;
}

// Nullopt where that is too large for a fuzzer.
std::optional<Tensor> filled(const Port& port, std::int64_t rows, std::size_t salt) {
    Shape shape = port.shape;
    for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
        if (shape[axis] == kOpen) shape[axis] = axis == 0 ? rows : 2;
    }
    if (!shape.check().ok() || shape.elements() > kElementsMax) return std::nullopt;
    Tensor tensor(port.dtype, shape);
    if (port.dtype != DType::kF32) return tensor;
    std::size_t i = salt;
    for (float& value : tensor.mutable_values<float>()) value = static_cast<float>(i++ * 7 % 5);
    return tensor;
}

void answer(const Plan& plan, const Members& all) {
    std::vector<Tensor> inputs;
    for (const Port& port : plan.signature.inputs) {
        std::optional<Tensor> input = filled(port, kRows, inputs.size());
        if (!input) return;
        inputs.push_back(std::move(*input));
    }
    Flow flow(plan, inputs);
    while (!flow.done()) {
        const auto ready = flow.take_ready();
        if (!ready.ok()) return;
        HF_CHECK(!ready->empty() || flow.done(), "a flow stands still");
        for (const Flow::Ready& one : *ready) {
            const auto& signature = all.find(plan.steps[one.step].model)->second.signature;
            // As a host would refuse it.
            if (!hf::runtime::check_inputs(signature, one.inputs).ok()) return;
            std::vector<Tensor> outputs;
            for (const Port& port : signature.outputs) {
                outputs.push_back(*filled(port, one.inputs[0].shape()[0], one.step));
            }
            if (!flow.finish(one.step, std::move(outputs)).ok()) return;
        }
    }
    const auto outputs = flow.take_outputs();
    HF_CHECK(outputs.ok() || outputs.status().code() != hf::Code::kInternal, "{}",
             outputs.status().to_string());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Members kAll = members();
    const auto declaration = Declaration::parse(hf::as_text({data, size}));
    if (!declaration.ok()) return 0;
    const auto plan = hf::serve::ensemble::make_plan(*declaration, kAll);
    if (plan.ok()) answer(*plan, kAll);
    return 0;
}
