#include "serve/sequence/state.h"

#include <algorithm>

#include "base/json.h"
#include "serve/statistics.h"
#include "serve/tasks/fields.h"

namespace hf::serve::sequence {
namespace {

using tasks::Fields;

constexpr std::int64_t kSequencesMost = 100'000;
constexpr std::int64_t kIdleMost = 24 * 3600;  // seconds

struct Declared {
    std::vector<std::pair<std::string, std::string>> states;  // input and output
    std::vector<std::string> places;                          // in the declaration
    Table::Options options;
};

Result<Declared> read(std::string_view declaration) {
    const json::Value value = HF_TRY(json::parse(declaration, kMaxDeclarationBytes));
    const Fields fields = HF_TRY(Fields::of(value, ""));
    HF_TRY(fields.only({"states", "sequences", "idle_seconds"}));
    Declared declared;
    const auto count = HF_TRY(fields.integer("sequences", 1024, {1, kSequencesMost}));
    declared.options.sequences_max = static_cast<std::size_t>(count);
    const auto idle = HF_TRY(fields.integer("idle_seconds", 60, {1, kIdleMost}));
    declared.options.idle_max = std::chrono::seconds(idle);
    const std::vector<Fields> states = HF_TRY(fields.children("states"));
    if (states.empty()) {
        return invalid_argument(
            "/states: must list an input and an output at least, as in "
            "[{{\"input\": \"h_in\", \"output\": \"h_out\"}}]");
    }
    for (const Fields& state : states) {
        HF_TRY(state.only({"input", "output"}));
        std::string input = HF_TRY(state.text("input", ""));
        std::string output = HF_TRY(state.text("output", ""));
        declared.states.emplace_back(std::move(input), std::move(output));
        declared.places.push_back(state.at());
    }
    return declared;
}

Result<std::size_t> find(const std::vector<runtime::Port>& ports, const std::string& name,
                         const std::string& place) {
    std::string known;
    for (std::size_t i = 0; i < ports.size(); ++i) {
        if (ports[i].name == name) return i;
        known += (i > 0 ? ", " : "") + ports[i].name;
    }
    return invalid_argument("{}: the model has no '{}'; it has: {}", place, name, known);
}

// That the output can be the next input, and that zeros can be made of it.
Status check_pair(const runtime::Port& input, const runtime::Port& output,
                  const std::string& place) {
    if (input.dtype != output.dtype || input.shape.rank() != output.shape.rank()) {
        return invalid_argument("{}: '{}' is {} of {} extents, and '{}' is {} of {}", place,
                                input.name, oip_name(input.dtype), input.shape.rank(), output.name,
                                oip_name(output.dtype), output.shape.rank());
    }
    for (std::size_t axis = 0; axis < input.shape.rank(); ++axis) {
        const std::int64_t in = input.shape[axis];
        const std::int64_t out = output.shape[axis];
        if (in == Shape::kUnknown && axis > 0) {
            return invalid_argument(
                "{}: extent {} of '{}' is open; only the first of a state may be, which is the "
                "batch",
                place, axis, input.name);
        }
        if (in != out && in != Shape::kUnknown && out != Shape::kUnknown) {
            return invalid_argument("{}: '{}' has shape {}, and '{}' {}", place, input.name,
                                    input.shape.to_string(), output.name, output.shape.to_string());
        }
    }
    return {};
}

std::vector<std::size_t> others(std::size_t count, const std::vector<std::size_t>& taken) {
    std::vector<std::size_t> left;
    for (std::size_t i = 0; i < count; ++i) {
        if (std::find(taken.begin(), taken.end(), i) == taken.end()) left.push_back(i);
    }
    return left;
}

Result<StatefulModel::Layout> lay_out(const Declared& declared,
                                      const runtime::Signature& signature) {
    StatefulModel::Layout layout;
    for (std::size_t i = 0; i < declared.states.size(); ++i) {
        const auto& [input, output] = declared.states[i];
        const std::string& place = declared.places[i];
        const std::size_t in = HF_TRY(find(signature.inputs, input, place + "/input"));
        const std::size_t out = HF_TRY(find(signature.outputs, output, place + "/output"));
        const auto has = [](const std::vector<std::size_t>& list, std::size_t index) {
            return std::find(list.begin(), list.end(), index) != list.end();
        };
        if (has(layout.state_inputs, in) || has(layout.state_outputs, out)) {
            return invalid_argument("{}: '{}' or '{}' is a state twice", place, input, output);
        }
        HF_TRY(check_pair(signature.inputs[in], signature.outputs[out], place));
        layout.state_inputs.push_back(in);
        layout.state_outputs.push_back(out);
    }
    layout.inputs = others(signature.inputs.size(), layout.state_inputs);
    layout.outputs = others(signature.outputs.size(), layout.state_outputs);
    if (layout.inputs.empty() || layout.outputs.empty()) {
        return invalid_argument(
            "/states: all inputs or all outputs of the model are its state; leave one to clients");
    }
    return layout;
}

}  // namespace

// Hands tensors on in the model's own order.
class StatefulModel::Run final : public runtime::Session {
public:
    Run(const StatefulModel& model, std::unique_ptr<runtime::Session> session)
        : model_(model), session_(std::move(session)) {}

    Result<std::vector<Tensor>> run(std::span<const Tensor> inputs) override {
        const Layout& layout = model_.layout_;
        const std::size_t own = layout.inputs.size();
        const std::size_t states = layout.state_inputs.size();
        const bool with_state = inputs.size() == own + states;
        const std::span<const Tensor> sent = inputs.first(with_state ? own : inputs.size());
        HF_TRY(runtime::check_inputs(model_.signature_, sent));
        const State state =
            with_state ? State(inputs.begin() + static_cast<std::ptrdiff_t>(own), inputs.end())
                       : model_.zeros(sent);
        for (std::size_t i = 0; i < states; ++i) HF_TRY(check_batch(i, state[i], sent));
        std::vector<Tensor> all(own + states);
        for (std::size_t i = 0; i < own; ++i) all[layout.inputs[i]] = sent[i];
        for (std::size_t i = 0; i < states; ++i) all[layout.state_inputs[i]] = state[i];
        std::vector<Tensor> made = HF_TRY(session_->run(all));
        std::vector<Tensor> outputs;
        for (const std::size_t index : layout.outputs) outputs.push_back(std::move(made[index]));
        if (!with_state) return outputs;
        for (std::size_t i = 0; i < states; ++i) {
            Tensor& next = made[layout.state_outputs[i]];
            HF_TRY(check_next(state[i], next));
            outputs.push_back(std::move(next));
        }
        return outputs;
    }

    void observe(runtime::StepObserver* observer) override { session_->observe(observer); }
    void use(std::shared_ptr<runtime::Crew> crew) override { session_->use(std::move(crew)); }

private:
    Status check_batch(std::size_t index, const Tensor& state, std::span<const Tensor> sent) const {
        const Shape wanted = model_.state_shape(index, sent);
        if (state.shape() == wanted) return {};
        return invalid_argument(
            "the state of the sequence has shape {}, and this request is for {}; a sequence keeps "
            "its batch",
            state.shape().to_string(), wanted.to_string());
    }

    // A state keeps its shape, or what a sequence takes of memory would have no bound.
    static Status check_next(const Tensor& state, const Tensor& next) {
        if (next.dtype() == state.dtype() && next.shape() == state.shape()) return {};
        return failed_precondition(
            "the model's next state has shape {}, and its state {}; a sequence keeps its shapes",
            next.shape().to_string(), state.shape().to_string());
    }

    const StatefulModel& model_;
    const std::unique_ptr<runtime::Session> session_;
};

Result<std::shared_ptr<const StatefulModel>> StatefulModel::make(
    std::string_view declaration, std::shared_ptr<const runtime::CompiledModel> model) {
    const Declared declared = HF_TRY(read(declaration));
    Layout layout = HF_TRY(lay_out(declared, model->signature()));
    return std::make_shared<const StatefulModel>(Private{}, std::move(model), std::move(layout),
                                                 declared.options);
}

StatefulModel::StatefulModel(Private, std::shared_ptr<const runtime::CompiledModel> model,
                             Layout layout, Table::Options options)
    : model_(std::move(model)), layout_(std::move(layout)), options_(options) {
    for (const std::size_t i : layout_.inputs) {
        signature_.inputs.push_back(model_->signature().inputs[i]);
    }
    for (const std::size_t i : layout_.outputs) {
        signature_.outputs.push_back(model_->signature().outputs[i]);
    }
}

Result<std::unique_ptr<runtime::Session>> StatefulModel::new_session() const {
    std::unique_ptr<runtime::Session> session = HF_TRY(model_->new_session());
    return std::make_unique<Run>(*this, std::move(session));
}

Shape StatefulModel::state_shape(std::size_t index, std::span<const Tensor> inputs) const {
    Shape shape = model_->signature().inputs[layout_.state_inputs[index]].shape;
    if (shape.rank() > 0 && shape[0] == Shape::kUnknown) {
        shape[0] = static_cast<std::int64_t>(batch_of(signature_, inputs));
    }
    return shape;
}

std::vector<Tensor> StatefulModel::zeros(std::span<const Tensor> inputs) const {
    std::vector<Tensor> state;
    for (std::size_t i = 0; i < layout_.state_inputs.size(); ++i) {
        const DType dtype = model_->signature().inputs[layout_.state_inputs[i]].dtype;
        state.emplace_back(dtype, state_shape(i, inputs));
    }
    return state;
}

}  // namespace hf::serve::sequence
