#include "serve/guard/guarding.h"

#include "serve/guard/scores.h"

namespace hf::serve::guard {
namespace {

// The model's answers to the inputs as each squeezer leaves them; empty where it failed.
std::vector<std::vector<Tensor>> run_squeezed(ModelHost& host, const Squeezing& part,
                                              std::span<const Tensor> inputs) {
    std::vector<std::vector<Tensor>> all;
    std::vector<Tensor> changed(inputs.begin(), inputs.end());
    for (const Squeezer& squeezer : part.squeezers) {
        changed[part.input_index] = squeeze(inputs[part.input_index], squeezer);
        Result<std::vector<Tensor>> outputs = host.run_uncounted(changed);
        all.push_back(outputs.ok() ? std::move(*outputs) : std::vector<Tensor>());
    }
    return all;
}

void count(ModelHost& host, const Judged& judged, Duration time) {
    ModelHost::GuardCount one;
    if (judged.verdict.suspicious()) one.reason = judged.verdict.reasons.front();
    one.refused = judged.refuses();
    one.time = time;
    host.count_guarded(one);
}

}  // namespace

std::optional<Judged> refuse_inputs(ModelHost& host, std::span<const Tensor> inputs) {
    const std::shared_ptr<const Guard>& guard = host.guard();
    if (!guard || guard->mode != Mode::kRefuse) return std::nullopt;
    const Duration start = host.clock().monotonic();
    Judged judged{guard, judge_inputs(*guard, inputs)};
    if (!judged.refuses()) return std::nullopt;
    host.count_refused();
    count(host, judged, host.clock().monotonic() - start);
    return judged;
}

std::optional<Judged> judge_answer(ModelHost& host, std::span<const Tensor> inputs,
                                   std::vector<Tensor>& outputs) {
    const std::shared_ptr<const Guard>& guard = host.guard();
    if (!guard) return std::nullopt;
    const Duration start = host.clock().monotonic();
    std::vector<std::vector<Tensor>> squeezed;
    if (guard->squeezing) squeezed = run_squeezed(host, *guard->squeezing, inputs);
    Judged judged{guard, judge(*guard, {inputs, outputs, squeezed})};
    if (guard->hidden) outputs.pop_back();
    count(host, judged, host.clock().monotonic() - start);
    return judged;
}

}  // namespace hf::serve::guard
