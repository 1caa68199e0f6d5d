#include "runtime/bf16_gate.h"

#include <limits>

#include "base/rng.h"
#include "runtime/quantize/judge.h"

namespace hf::runtime {
namespace {

constexpr std::size_t kSamples = 4;
constexpr std::uint64_t kSeed = 1;

// Seeded random inputs; open extents count as 1.
Samples random_inputs(const Signature& signature) {
    Samples samples;
    samples.count = kSamples;
    samples.read = [ports = signature.inputs](std::size_t index) -> Result<std::vector<Tensor>> {
        Rng rng(kSeed + index);
        std::vector<Tensor> inputs;
        for (const Port& port : ports) {
            std::vector<std::int64_t> extents = port.shape.extents();
            for (std::int64_t& extent : extents) extent = extent < 0 ? 1 : extent;
            inputs.push_back(random_tensor(port.dtype, Shape(std::move(extents)), rng));
        }
        return inputs;
    };
    return samples;
}

Result<double> rounding_of(const CompiledModel& rounded, const CompiledModel& exact) {
    std::vector<std::size_t> all;
    for (std::size_t i = 0; i < kSamples; ++i) all.push_back(i);
    const Judge judge = HF_TRY(
        Judge::create(exact, Measure::kRelative, random_inputs(exact.signature()), std::move(all)));
    const Loss loss = HF_TRY(judge.judge(rounded, kSamples));
    return loss.relative;
}

}  // namespace

Result<std::shared_ptr<const CompiledModel>> compile_in_bf16(graph::Graph graph,
                                                             const CompileOptions& options,
                                                             CompileReport& report) {
    if (options.device == "ref") return invalid_argument("the reference device has no bf16");
    CompileReport rounded_report = report;
    CompileOptions rounding = options;
    rounding.max_rounding = std::numeric_limits<double>::infinity();
    const auto rounded = HF_TRY(compile(graph, rounding, &rounded_report));
    CompileOptions plain = options;
    plain.math = Math::kF32;
    const auto exact = HF_TRY(compile(std::move(graph), plain, &report));
    const Result<double> change = rounding_of(*rounded, *exact);
    if (!change.ok()) {
        report.math_refusal =
            fmt::format("what it changes cannot be measured: {}", change.status().message());
        return exact;
    }
    // A result that is no number is not within any limit.
    if (!(*change <= options.max_rounding)) {
        report.math_refusal =
            fmt::format("outputs would differ by {:.2g} % of their size, more than {:.2g} %",
                        *change * 100, options.max_rounding * 100);
        return exact;
    }
    report = std::move(rounded_report);
    report.rounding = *change;
    return rounded;
}

}  // namespace hf::runtime
