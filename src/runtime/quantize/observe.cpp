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

bool is_input(const graph::Graph& graph, ValueId id) {
    return std::find(graph.inputs.begin(), graph.inputs.end(), id) != graph.inputs.end();
}

class Observer final {
public:
    Observer(const graph::Graph& graph, const Observation& observation)
        : graph_(graph), how_(observation), ranges_(graph.values.size()) {
        rounds_ = how_.rule.calibrator == passes::Calibrator::kMinMax ? 1 : 2;
    }

    // Inputs are seen as they are read: a graph need not give what it takes.
    Status see_inputs() {
        for (int round = 0; round < rounds_; ++round) {
            for (const std::size_t index : how_.chosen) {
                const auto inputs = HF_TRY(how_.samples.read(index).context("sample {}", index));
                for (std::size_t i = 0; i < inputs.size() && i < graph_.inputs.size(); ++i) {
                    if (inputs[i].dtype() != DType::kF32) continue;
                    HF_TRY(see(round, graph_.inputs[i], inputs[i]).context("sample {}", index));
                }
            }
        }
        return {};
    }

    // Runs the samples once a round, with these values as the outputs.
    Status see_computed(const std::vector<ValueId>& group) {
        graph::Graph observed = graph_;
        observed.outputs = group;
        const auto model = HF_TRY(compile_to_measure(observed));
        const auto session = HF_TRY(model->new_session());
        for (int round = 0; round < rounds_; ++round) {
            for (const std::size_t index : how_.chosen) {
                const auto inputs = HF_TRY(how_.samples.read(index).context("sample {}", index));
                const auto outputs = HF_TRY(session->run(inputs).context("sample {}", index));
                for (std::size_t i = 0; i < group.size(); ++i) {
                    HF_TRY(see(round, group[i], outputs[i]).context("sample {}", index));
                }
            }
        }
        return {};
    }

    passes::Stored choose(ValueId id) const { return ranges_[id.value()].choose(how_.rule); }

private:
    Status see(int round, ValueId id, const Tensor& tensor) {
        Range& range = ranges_[id.value()];
        const auto values = tensor.values<float>();
        if (round > 0) {
            range.count(values);
            return {};
        }
        if (range.widen(values)) return {};
        return invalid_argument("value '{}' is not finite", graph_.value(id).name);
    }

    const graph::Graph& graph_;
    const Observation& how_;
    std::vector<Range> ranges_;  // by ValueId
    int rounds_ = 1;
};

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
                                                   const Observation& observation) {
    Observer observer(graph, observation);
    HF_TRY(observer.see_inputs());
    std::vector<ValueId> computed;
    std::copy_if(wanted.begin(), wanted.end(), std::back_inserter(computed),
                 [&](ValueId id) { return !is_input(graph, id); });
    for (const std::vector<ValueId>& group : in_groups(graph, computed)) {
        HF_TRY(observer.see_computed(group));
    }
    std::vector<passes::Stored> stored(graph.values.size());
    for (const ValueId id : wanted) stored[id.value()] = observer.choose(id);
    return stored;
}

}  // namespace hf::runtime
