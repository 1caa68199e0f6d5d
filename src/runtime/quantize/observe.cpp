#include "runtime/quantize/observe.h"

#include <algorithm>

#include "runtime/compile.h"

namespace hf::runtime {
namespace {

using graph::ValueId;
using passes::Range;

std::uint64_t bytes_of(const graph::Graph& graph, ValueId id) {
    const std::optional<Shape>& shape = graph.value(id).shape;
    return shape && shape->is_known() ? static_cast<std::uint64_t>(shape->elements()) * 4 : 0;
}

std::vector<std::vector<ValueId>> in_groups(const graph::Graph& graph,
                                            const std::vector<ValueId>& wanted) {
    std::vector<std::vector<ValueId>> groups;
    std::uint64_t bytes = 0;
    for (const ValueId id : wanted) {
        if (groups.empty() || bytes + bytes_of(graph, id) > kMaxObservedBytes) {
            groups.emplace_back();
            bytes = 0;
        }
        groups.back().push_back(id);
        bytes += bytes_of(graph, id);
    }
    return groups;
}

// Runs the samples once; `see` is told each value of each.
template <typename See>
Status run_samples(const graph::Graph& graph, const std::vector<ValueId>& group,
                   const Samples& samples, const std::vector<std::size_t>& chosen, See see) {
    graph::Graph observed = graph;
    observed.outputs = group;
    const auto model = HF_TRY(compile_to_measure(observed));
    const auto session = HF_TRY(model->new_session());
    for (const std::size_t index : chosen) {
        const std::vector<Tensor> inputs = HF_TRY(samples.read(index).context("sample {}", index));
        const std::vector<Tensor> outputs =
            HF_TRY(session->run(inputs).context("sample {}", index));
        for (std::size_t i = 0; i < group.size(); ++i) HF_TRY(see(index, group[i], outputs[i]));
    }
    return {};
}

Status observe_group(const graph::Graph& graph, const std::vector<ValueId>& group,
                     const passes::CalibrationRule& rule, const Samples& samples,
                     const std::vector<std::size_t>& chosen, std::vector<Range>& ranges) {
    HF_TRY(run_samples(graph, group, samples, chosen,
                       [&](std::size_t index, ValueId id, const Tensor& tensor) -> Status {
                           if (ranges[id.value()].widen(tensor.values<float>())) return {};
                           return invalid_argument("sample {}: value '{}' is not finite", index,
                                                   graph.value(id).name);
                       }));
    if (rule.calibrator == passes::Calibrator::kMinMax) return {};
    return run_samples(graph, group, samples, chosen,
                       [&](std::size_t, ValueId id, const Tensor& tensor) -> Status {
                           ranges[id.value()].count(tensor.values<float>());
                           return {};
                       });
}

bool is_input(const graph::Graph& graph, ValueId id) {
    return std::find(graph.inputs.begin(), graph.inputs.end(), id) != graph.inputs.end();
}

// Inputs are seen as they are read: a graph need not give what it takes.
Status observe_inputs(const graph::Graph& graph, const passes::CalibrationRule& rule,
                      const Samples& samples, const std::vector<std::size_t>& chosen,
                      std::vector<Range>& ranges) {
    const int rounds = rule.calibrator == passes::Calibrator::kMinMax ? 1 : 2;
    for (int round = 0; round < rounds; ++round) {
        for (const std::size_t index : chosen) {
            const auto inputs = HF_TRY(samples.read(index).context("sample {}", index));
            for (std::size_t i = 0; i < inputs.size(); ++i) {
                if (inputs[i].dtype() != DType::kF32) continue;
                Range& range = ranges[graph.inputs[i].value()];
                const auto values = inputs[i].values<float>();
                if (round == 1) {
                    range.count(values);
                } else if (!range.widen(values)) {
                    return invalid_argument("sample {}: input '{}' is not finite", index,
                                            graph.value(graph.inputs[i]).name);
                }
            }
        }
    }
    return {};
}

}  // namespace

Result<std::shared_ptr<const CompiledModel>> compile_to_measure(const graph::Graph& graph) {
    CompileOptions options;
    for (const ValueId id : graph.inputs) {
        const graph::Value& value = graph.value(id);
        if (!value.shape) continue;
        Shape shape = *value.shape;
        for (std::size_t i = 0; i < shape.rank(); ++i) {
            if (shape[i] == Shape::kUnknown) shape[i] = 1;
        }
        options.input_shapes.emplace_back(value.name, std::move(shape));
    }
    return compile(graph, options, nullptr);
}

Result<std::vector<passes::Stored>> observe_ranges(const graph::Graph& graph,
                                                   const std::vector<ValueId>& wanted,
                                                   const passes::CalibrationRule& rule,
                                                   const Samples& samples,
                                                   const std::vector<std::size_t>& chosen) {
    std::vector<Range> ranges(graph.values.size());
    HF_TRY(observe_inputs(graph, rule, samples, chosen, ranges));
    std::vector<ValueId> computed;
    std::copy_if(wanted.begin(), wanted.end(), std::back_inserter(computed),
                 [&](ValueId id) { return !is_input(graph, id); });
    for (const std::vector<ValueId>& group : in_groups(graph, computed)) {
        HF_TRY(observe_group(graph, group, rule, samples, chosen, ranges));
    }
    std::vector<passes::Stored> stored(graph.values.size());
    for (const ValueId id : wanted) stored[id.value()] = ranges[id.value()].choose(rule);
    return stored;
}

}  // namespace hf::runtime
