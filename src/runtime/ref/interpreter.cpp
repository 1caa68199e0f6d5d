#include "runtime/ref/interpreter.h"

#include <algorithm>

namespace hf::runtime::ref {
namespace {

// Inputs for a function over tensors; null where nothing is.
Result<std::vector<Tensor>> to_tensors(std::span<const Datum> data) {
    std::vector<Tensor> tensors;
    for (std::size_t i = 0; i < data.size(); ++i) {
        if (data[i].sequence()) return invalid_argument("input {} is a sequence; want a tensor", i);
        tensors.push_back(data[i].tensor() ? *data[i].tensor() : Tensor());
    }
    return tensors;
}

Result<std::vector<Datum>> run_row(const OpRow& row, const graph::Graph& graph,
                                   const DatumContext& context) {
    if (row.datum_function) return row.datum_function(context);
    const std::vector<Tensor> inputs = HF_TRY(to_tensors(context.inputs));
    std::vector<Tensor> outputs = HF_TRY(row.function({graph, context.node, inputs}));
    for (std::size_t i = 0; i < context.node.outputs.size(); ++i) {
        const bool wanted = context.node.outputs[i] != graph::kNoValue;
        if (wanted && (i >= outputs.size() || outputs[i].is_null())) {
            return unimplemented("output {} is not computed", i);
        }
    }
    return std::vector<Datum>(std::make_move_iterator(outputs.begin()),
                              std::make_move_iterator(outputs.end()));
}

// The values of one graph while it runs, and the scope around it.
class Scope final : public SubgraphRunner {
public:
    Scope(const graph::Graph& graph, const Scope* outer, int depth)
        : graph_(graph), outer_(outer), depth_(depth), data_(graph.values.size()) {}

    Result<std::vector<Datum>> evaluate(std::span<const Datum> inputs) {
        if (inputs.size() != graph_.inputs.size()) {
            return invalid_argument("graph '{}' takes {} inputs and got {}", graph_.name,
                                    graph_.inputs.size(), inputs.size());
        }
        for (std::size_t i = 0; i < inputs.size(); ++i) set(graph_.inputs[i], inputs[i]);
        HF_TRY(capture());
        count_uses();
        for (const graph::Node& node : graph_.nodes) {
            HF_TRY(evaluate(node).context("{}", node.describe()));
        }
        std::vector<Datum> outputs;
        for (graph::ValueId id : graph_.outputs) {
            std::optional<Datum> datum = get(id);
            if (!datum) {
                return invalid_argument("output '{}' was not computed", graph_.value(id).name);
            }
            outputs.push_back(*std::move(datum));
        }
        return outputs;
    }

    Result<std::vector<Datum>> run(const graph::Graph& body,
                                   std::span<const Datum> inputs) const override {
        constexpr int kMaxDepth = 32;
        if (depth_ >= kMaxDepth)
            return resource_exhausted("subgraphs nest deeper than {}", kMaxDepth);
        return Scope(body, this, depth_ + 1).evaluate(inputs);
    }

private:
    // What the value is by now; nullopt before it is computed and after its last use.
    std::optional<Datum> get(graph::ValueId id) const {
        const std::optional<Tensor>& constant = graph_.value(id).constant;
        return constant ? Datum(*constant) : data_[id.value()];
    }

    void set(graph::ValueId id, Datum datum) {
        live_bytes_ += datum.size_bytes();
        data_[id.value()] = std::move(datum);
    }

    std::optional<Datum> find(std::string_view name) const {
        if (const auto id = graph_.find_value(name)) {
            if (std::optional<Datum> datum = get(*id)) return datum;
        }
        return outer_ ? outer_->find(name) : std::nullopt;
    }

    Status capture() {
        for (graph::ValueId id : graph_.captures) {
            const std::string& name = graph_.value(id).name;
            std::optional<Datum> datum = outer_ ? outer_->find(name) : std::nullopt;
            if (!datum) return invalid_argument("value '{}' is in no enclosing graph", name);
            set(id, *std::move(datum));
        }
        return {};
    }

    void count_uses() {
        uses_.assign(graph_.values.size(), 0);
        for (const graph::Node& node : graph_.nodes) {
            for (graph::ValueId id : node.inputs) {
                if (id != graph::kNoValue) ++uses_[id.value()];
            }
            for (const auto& [name, attribute] : node.attributes) keep_captures(attribute);
        }
        for (graph::ValueId id : graph_.outputs) ++uses_[id.value()];
    }

    // Values that a body takes from here are never freed: bodies are rare and small.
    void keep_captures(const graph::Attribute& attribute) {
        const graph::SubgraphPtr* body = std::get_if<graph::SubgraphPtr>(&attribute);
        if (!body) return;
        for (graph::ValueId id : (*body)->captures) {
            if (const auto here = graph_.find_value((*body)->value(id).name))
                ++uses_[here->value()];
        }
        for (const graph::Node& node : (*body)->nodes) {
            for (const auto& [name, inner] : node.attributes) keep_captures(inner);
        }
    }

    Status evaluate(const graph::Node& node) {
        const OpRow* row = find_op(node.domain, node.op);
        if (!row) return unimplemented("the reference device does not have this operator");
        std::vector<Datum> inputs;
        for (graph::ValueId id : node.inputs) {
            std::optional<Datum> datum = id == graph::kNoValue ? Datum() : get(id);
            if (!datum) {
                return invalid_argument("value '{}' was not computed", graph_.value(id).name);
            }
            inputs.push_back(*std::move(datum));
        }
        std::vector<Datum> outputs = HF_TRY(run_row(*row, graph_, {node, inputs, *this}));
        for (std::size_t i = 0; i < node.outputs.size(); ++i) {
            if (node.outputs[i] == graph::kNoValue) continue;
            if (i >= outputs.size()) return unimplemented("output {} is not computed", i);
            set(node.outputs[i], std::move(outputs[i]));
        }
        if (live_bytes_ > kMaxLiveBytes) {
            return resource_exhausted("more than {} bytes of tensors are alive", kMaxLiveBytes);
        }
        for (graph::ValueId id : node.inputs) release(id);
        return {};
    }

    void release(graph::ValueId id) {
        if (id == graph::kNoValue || --uses_[id.value()] > 0) return;
        std::optional<Datum>& datum = data_[id.value()];
        if (datum) live_bytes_ -= datum->size_bytes();
        datum.reset();
    }

    const graph::Graph& graph_;
    const Scope* outer_;
    const int depth_;
    std::vector<std::optional<Datum>> data_;
    std::vector<int> uses_;
    std::uint64_t live_bytes_ = 0;
};

// The session's view of results. UNIMPLEMENTED names the one that is no tensor.
Result<std::vector<Tensor>> tensors_of(const graph::Graph& graph,
                                       const std::vector<graph::ValueId>& ids,
                                       std::span<const Datum> data) {
    std::vector<Tensor> tensors;
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const bool wanted = ids[i] != graph::kNoValue;
        const Tensor* tensor = i < data.size() ? data[i].tensor() : nullptr;
        if (wanted && !tensor) {
            return unimplemented("'{}' is {}, not a tensor", graph.value(ids[i]).name,
                                 i < data.size() ? data[i].kind() : "not computed");
        }
        tensors.push_back(wanted ? *tensor : Tensor());
    }
    return tensors;
}

Status check_operators(const graph::Graph& graph) {
    for (const graph::Node& node : graph.nodes) {
        if (!find_op(node.domain, node.op)) {
            return unimplemented("{}: Holdfast does not have this operator yet", node.describe());
        }
        for (const auto& [name, attribute] : node.attributes) {
            if (const auto* body = std::get_if<graph::SubgraphPtr>(&attribute)) {
                HF_TRY(check_operators(**body).context("'{}' of {}", name, node.describe()));
            }
        }
    }
    return {};
}

Result<std::vector<Port>> ports_of(const graph::Graph& graph,
                                   const std::vector<graph::ValueId>& ids) {
    std::vector<Port> ports;
    for (graph::ValueId id : ids) {
        const graph::Value& value = graph.value(id);
        if (value.kind != graph::ValueKind::kTensor) {
            return unimplemented("'{}' is {}; only tensors can be served", value.name,
                                 graph::kind_name(value.kind));
        }
        ports.push_back(
            {value.name, value.dtype.value_or(DType::kF32), value.shape.value_or(Shape())});
    }
    return ports;
}

class ReferenceModel final : public CompiledModel,
                             public std::enable_shared_from_this<ReferenceModel> {
public:
    ReferenceModel(graph::Graph graph, Signature signature)
        : graph_(std::move(graph)), signature_(std::move(signature)) {
        for (graph::ValueId id : graph_.inputs) {
            ranked_.push_back(graph_.value(id).shape.has_value() && graph_.value(id).dtype);
        }
    }

    const Signature& signature() const override { return signature_; }
    std::string_view device() const override { return "ref"; }
    Result<std::unique_ptr<Session>> new_session() const override;

    Result<std::vector<Tensor>> run(std::span<const Tensor> inputs) const {
        // A model that leaves an input's type open takes what comes.
        if (std::find(ranked_.begin(), ranked_.end(), false) == ranked_.end()) {
            HF_TRY(check_inputs(signature_, inputs));
        }
        return evaluate_graph(graph_, inputs);
    }

private:
    graph::Graph graph_;
    Signature signature_;
    std::vector<bool> ranked_;
};

class ReferenceSession final : public Session {
public:
    explicit ReferenceSession(std::shared_ptr<const ReferenceModel> model)
        : model_(std::move(model)) {}
    Result<std::vector<Tensor>> run(std::span<const Tensor> inputs) override {
        return model_->run(inputs);
    }

private:
    std::shared_ptr<const ReferenceModel> model_;
};

Result<std::unique_ptr<Session>> ReferenceModel::new_session() const {
    return std::make_unique<ReferenceSession>(shared_from_this());
}

}  // namespace

Result<std::shared_ptr<const CompiledModel>> compile_reference(graph::Graph graph) {
    HF_TRY(check_operators(graph));
    Signature signature;
    signature.inputs = HF_TRY(ports_of(graph, graph.inputs));
    signature.outputs = HF_TRY(ports_of(graph, graph.outputs));
    return std::make_shared<const ReferenceModel>(std::move(graph), std::move(signature));
}

Result<std::vector<Tensor>> evaluate_node(const graph::Graph& graph, const graph::Node& node,
                                          std::span<const Tensor> inputs) {
    const OpRow* row = find_op(node.domain, node.op);
    if (!row) return unimplemented("{}: not in the reference device", node.describe());
    if (row->function) {
        return row->function({graph, node, inputs}).context("{}", node.describe());
    }
    const graph::Graph nothing;
    const Scope scope(nothing, nullptr, 0);
    const std::vector<Datum> data(inputs.begin(), inputs.end());
    const std::vector<Datum> outputs =
        HF_TRY(row->datum_function({node, data, scope}).context("{}", node.describe()));
    return tensors_of(graph, node.outputs, outputs).context("{}", node.describe());
}

Result<std::vector<Tensor>> evaluate_graph(const graph::Graph& graph,
                                           std::span<const Tensor> inputs) {
    const std::vector<Datum> data(inputs.begin(), inputs.end());
    const std::vector<Datum> outputs = HF_TRY(Scope(graph, nullptr, 0).evaluate(data));
    return tensors_of(graph, graph.outputs, outputs);
}

Result<std::vector<Datum>> evaluate_data(const graph::Graph& graph, std::span<const Datum> inputs) {
    return Scope(graph, nullptr, 0).evaluate(inputs);
}

}  // namespace hf::runtime::ref
