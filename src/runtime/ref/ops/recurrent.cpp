// RNN, GRU and LSTM of ONNX (opset 7 and later), in double: one or two directions, sequence
// lengths, peepholes, clipping, linear_before_reset, input_forget, both layouts.

#include <algorithm>
#include <cmath>

#include "runtime/ref/ops/common.h"

namespace hf::runtime::ref {
namespace {

using Row = std::vector<double>;

struct Activation {
    std::string name;  // lower case
    double alpha = 0, beta = 0;

    double operator()(double x) const {
        if (name == "sigmoid") return 1 / (1 + std::exp(-x));
        if (name == "tanh") return std::tanh(x);
        if (name == "relu") return std::max(x, 0.0);
        if (name == "affine") return alpha * x + beta;
        if (name == "leakyrelu") return x < 0 ? alpha * x : x;
        if (name == "thresholdedrelu") return x > alpha ? x : 0;
        if (name == "scaledtanh") return alpha * std::tanh(beta * x);
        if (name == "hardsigmoid") return std::clamp(alpha * x + beta, 0.0, 1.0);
        if (name == "elu") return x < 0 ? alpha * (std::exp(x) - 1) : x;
        if (name == "softsign") return x / (1 + std::abs(x));
        return std::log1p(std::exp(x));  // softplus
    }
};

// The parameters of one direction, as views of the flattened tensors.
struct Cell {
    std::span<const double> w, r, bias, peephole;  // bias and peephole may be empty
    std::vector<Activation> activations;
};

struct Layer {
    std::string op;
    std::int64_t steps = 0, batch = 0, in = 0, hidden = 0, directions = 1, gates = 1;
    double clip = 0;  // 0: none
    bool linear_before_reset = false, input_forget = false, reverse = false;
    Row x, h, c;  // [steps, batch, in] and the states [directions, batch, hidden]
    std::vector<std::int64_t> lengths;
    std::vector<Cell> cells;
    Row w, r, bias, peephole;

    double clipped(double v) const { return clip > 0 ? std::clamp(v, -clip, clip) : v; }

    // Gate g of unit j before its activation: W x + bias of both sides + R h.
    double input_part(const Cell& cell, std::int64_t gate, std::int64_t j,
                      const double* x_t) const {
        const std::int64_t row = gate * hidden + j;
        double sum = cell.bias.empty() ? 0 : cell.bias[static_cast<std::size_t>(row)];
        for (std::int64_t i = 0; i < in; ++i) {
            sum += cell.w[static_cast<std::size_t>(row * in + i)] * x_t[i];
        }
        return sum;
    }
    double state_part(const Cell& cell, std::int64_t gate, std::int64_t j, const Row& state) const {
        const std::int64_t row = gate * hidden + j;
        double sum = state_bias(cell, gate, j);
        for (std::int64_t i = 0; i < hidden; ++i) {
            sum += cell.r[static_cast<std::size_t>(row * hidden + i)] *
                   state[static_cast<std::size_t>(i)];
        }
        return sum;
    }
    double state_bias(const Cell& cell, std::int64_t gate, std::int64_t j) const {
        if (cell.bias.empty()) return 0;
        return cell.bias[static_cast<std::size_t>((gates + gate) * hidden + j)];
    }
};

void rnn_step(const Layer& layer, const Cell& cell, const double* x, Row& h) {
    Row next(h.size());
    for (std::size_t j = 0; j < h.size(); ++j) {
        const auto unit = static_cast<std::int64_t>(j);
        next[j] = cell.activations[0](
            layer.clipped(layer.input_part(cell, 0, unit, x) + layer.state_part(cell, 0, unit, h)));
    }
    h = std::move(next);
}

// Gates in the order z (update), r (reset), h (candidate).
void gru_step(const Layer& layer, const Cell& cell, const double* x, Row& h) {
    const Activation& f = cell.activations[0];
    const Activation& g = cell.activations[1];
    Row reset(h.size()), update(h.size()), gated(h.size());
    for (std::size_t j = 0; j < h.size(); ++j) {
        const auto unit = static_cast<std::int64_t>(j);
        update[j] = f(
            layer.clipped(layer.input_part(cell, 0, unit, x) + layer.state_part(cell, 0, unit, h)));
        reset[j] = f(
            layer.clipped(layer.input_part(cell, 1, unit, x) + layer.state_part(cell, 1, unit, h)));
        gated[j] = reset[j] * h[j];
    }
    Row next(h.size());
    for (std::size_t j = 0; j < h.size(); ++j) {
        const auto unit = static_cast<std::int64_t>(j);
        const double state = layer.linear_before_reset
                                 ? reset[j] * layer.state_part(cell, 2, unit, h)
                                 : layer.state_part(cell, 2, unit, gated);
        const double candidate = g(layer.clipped(layer.input_part(cell, 2, unit, x) + state));
        next[j] = (1 - update[j]) * candidate + update[j] * h[j];
    }
    h = std::move(next);
}

struct LstmState {
    Row h, c;
};

// Gates in the order i (input), o (output), f (forget), c (candidate); peepholes i, o, f.
void lstm_step(const Layer& layer, const Cell& cell, const double* x, LstmState& state) {
    const Activation& f = cell.activations[0];
    const Activation& g = cell.activations[1];
    const Activation& h = cell.activations[2];
    LstmState next{Row(state.h.size()), Row(state.h.size())};
    for (std::size_t j = 0; j < state.h.size(); ++j) {
        const auto unit = static_cast<std::int64_t>(j);
        const auto gate = [&](std::int64_t which) {
            return layer.input_part(cell, which, unit, x) +
                   layer.state_part(cell, which, unit, state.h);
        };
        const auto peep = [&](std::size_t which, double c) {
            if (cell.peephole.empty()) return 0.0;
            return cell.peephole[which * state.h.size() + j] * c;
        };
        const double input = f(layer.clipped(gate(0) + peep(0, state.c[j])));
        const double forget =
            layer.input_forget ? 1 - input : f(layer.clipped(gate(2) + peep(2, state.c[j])));
        next.c[j] = forget * state.c[j] + input * g(layer.clipped(gate(3)));
        const double output = f(layer.clipped(gate(1) + peep(1, next.c[j])));
        next.h[j] = output * h(next.c[j]);
    }
    state = std::move(next);
}

Result<std::vector<Activation>> read_activations(const graph::Node& node, std::int64_t directions) {
    std::vector<std::string> names = node.strings_or("activations", {});
    const std::vector<std::string> usual =
        node.op == "LSTM"  ? std::vector<std::string>{"Sigmoid", "Tanh", "Tanh"}
        : node.op == "GRU" ? std::vector<std::string>{"Sigmoid", "Tanh"}
                           : std::vector<std::string>{"Tanh"};
    for (std::int64_t d = 0; d < directions && node.strings_or("activations", {}).empty(); ++d) {
        names.insert(names.end(), usual.begin(), usual.end());
    }
    if (names.size() != usual.size() * static_cast<std::size_t>(directions)) {
        return invalid_argument("{} activations; want {}", names.size(),
                                usual.size() * static_cast<std::size_t>(directions));
    }
    struct Known {
        std::string_view name;
        double alpha, beta;
    };
    constexpr Known kKnown[] = {{"sigmoid", 0, 0},      {"tanh", 0, 0},
                                {"relu", 0, 0},         {"affine", 1, 0},
                                {"leakyrelu", 0.01, 0}, {"thresholdedrelu", 1, 0},
                                {"scaledtanh", 1, 1},   {"hardsigmoid", 0.2, 0.5},
                                {"elu", 1, 0},          {"softsign", 0, 0},
                                {"softplus", 0, 0}};
    const std::vector<float> alphas = node.floats_or("activation_alpha", {});
    const std::vector<float> betas = node.floats_or("activation_beta", {});
    std::vector<Activation> activations;
    for (std::size_t i = 0; i < names.size(); ++i) {
        for (char& letter : names[i]) {
            if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
        }
        const auto known = std::find_if(std::begin(kKnown), std::end(kKnown),
                                        [&](const Known& row) { return row.name == names[i]; });
        if (known == std::end(kKnown)) return unimplemented("activation '{}'", names[i]);
        activations.push_back({names[i], i < alphas.size() ? double{alphas[i]} : known->alpha,
                               i < betas.size() ? double{betas[i]} : known->beta});
    }
    return activations;
}

// [a, b, rest] to [b, a, rest].
Row swap_outer(const Row& values, std::int64_t a, std::int64_t b) {
    Row swapped(values.size());
    const std::size_t rest = a * b == 0 ? 0 : values.size() / static_cast<std::size_t>(a * b);
    for (std::size_t i = 0; i < static_cast<std::size_t>(a); ++i) {
        for (std::size_t j = 0; j < static_cast<std::size_t>(b); ++j) {
            for (std::size_t k = 0; k < rest; ++k) {
                swapped[(j * static_cast<std::size_t>(a) + i) * rest + k] =
                    values[(i * static_cast<std::size_t>(b) + j) * rest + k];
            }
        }
    }
    return swapped;
}

// An input's values when it is there; its size must be `count`.
Result<Row> optional_values(const OpContext& context, std::size_t index, std::int64_t count) {
    const Tensor* tensor = context.input(index);
    if (!tensor) return Row();
    if (tensor->elements() != count) {
        return invalid_argument("input {} of shape {} should have {} elements", index,
                                tensor->shape().to_string(), count);
    }
    return to_doubles(*tensor);
}

Status read_states(const OpContext& context, Layer& layer) {
    const std::int64_t count = layer.directions * layer.batch * layer.hidden;
    const bool batch_first = context.node.int_or("layout", 0) != 0;
    const auto state = [&](std::size_t index) -> Result<Row> {
        Row values = HF_TRY(optional_values(context, index, count));
        if (values.empty()) values.assign(static_cast<std::size_t>(count), 0);
        return batch_first ? swap_outer(values, layer.batch, layer.directions) : values;
    };
    layer.h = HF_TRY(state(5));
    layer.lengths.assign(static_cast<std::size_t>(layer.batch), layer.steps);
    if (const Tensor* lengths = context.input(4)) {
        layer.lengths = HF_TRY(to_int64s(*lengths));
        if (static_cast<std::int64_t>(layer.lengths.size()) != layer.batch) {
            return invalid_argument("{} sequence lengths for a batch of {}", layer.lengths.size(),
                                    layer.batch);
        }
        for (std::int64_t& length : layer.lengths) {
            if (length < 0 || length > layer.steps) {
                return invalid_argument("sequence length {} of {}", length, layer.steps);
            }
        }
    }
    if (layer.op != "LSTM") return {};
    layer.c = HF_TRY(state(6));
    layer.peephole = HF_TRY(optional_values(context, 7, layer.directions * 3 * layer.hidden));
    return {};
}

Result<Layer> make_layer(const OpContext& context) {
    const graph::Node& node = context.node;
    const Tensor x = HF_TRY(need_input(context, 0));
    const Tensor w = HF_TRY(need_input(context, 1));
    const Tensor r = HF_TRY(need_input(context, 2));
    if (x.shape().rank() != 3 || w.shape().rank() != 3 || r.shape().rank() != 3) {
        return invalid_argument("X, W and R must have 3 axes");
    }
    Layer layer;
    layer.op = node.op;
    const bool batch_first = node.int_or("layout", 0) != 0;
    layer.steps = x.shape()[batch_first ? 1 : 0];
    layer.batch = x.shape()[batch_first ? 0 : 1];
    layer.in = x.shape()[2];
    layer.hidden = r.shape()[2];
    const std::string direction = node.string_or("direction", "forward");
    layer.directions = direction == "bidirectional" ? 2 : 1;
    layer.reverse = direction == "reverse";
    layer.gates = node.op == "LSTM" ? 4 : node.op == "GRU" ? 3 : 1;
    layer.clip = double{node.float_or("clip", 0)};
    layer.linear_before_reset = node.int_or("linear_before_reset", 0) != 0;
    layer.input_forget = node.int_or("input_forget", 0) != 0;
    const std::int64_t rows = layer.gates * layer.hidden;
    if (w.shape() != Shape({layer.directions, rows, layer.in}) ||
        r.shape() != Shape({layer.directions, rows, layer.hidden})) {
        return invalid_argument("W {} and R {} do not fit X {}", w.shape().to_string(),
                                r.shape().to_string(), x.shape().to_string());
    }
    layer.x = HF_TRY(to_doubles(x));
    if (batch_first) layer.x = swap_outer(layer.x, layer.batch, layer.steps);
    layer.w = HF_TRY(to_doubles(w));
    layer.r = HF_TRY(to_doubles(r));
    layer.bias = HF_TRY(optional_values(context, 3, layer.directions * 2 * rows));
    HF_TRY(read_states(context, layer));
    return layer;
}

Status make_cells(const graph::Node& node, Layer& layer) {
    const auto activations = HF_TRY(read_activations(node, layer.directions));
    const auto directions = static_cast<std::size_t>(layer.directions);
    for (std::size_t d = 0; d < directions; ++d) {
        const auto part = [&](const Row& values) {
            const std::size_t size = values.size() / directions;
            return std::span<const double>(values).subspan(d * size, size);
        };
        const auto each = static_cast<std::ptrdiff_t>(activations.size() / directions);
        const auto first = activations.begin() + static_cast<std::ptrdiff_t>(d) * each;
        layer.cells.push_back({part(layer.w),
                               part(layer.r),
                               part(layer.bias),
                               part(layer.peephole),
                               {first, first + each}});
    }
    return {};
}

// One sequence in one direction: fills its outputs in y [steps, directions, batch, hidden] and
// leaves its last state in the layer.
void run_sequence(Layer& layer, std::int64_t direction, std::int64_t sample, Row& y) {
    const Cell& cell = layer.cells[static_cast<std::size_t>(direction)];
    const std::int64_t at = (direction * layer.batch + sample) * layer.hidden;
    const auto slice = [&](const Row& all) {
        return all.empty() ? Row() : Row(all.begin() + at, all.begin() + at + layer.hidden);
    };
    LstmState state{slice(layer.h), slice(layer.c)};
    const bool backward = direction == 1 || layer.reverse;
    const std::int64_t length = layer.lengths[static_cast<std::size_t>(sample)];
    for (std::int64_t i = 0; i < length; ++i) {
        const std::int64_t t = backward ? length - 1 - i : i;
        const double* x = layer.x.data() + (t * layer.batch + sample) * layer.in;
        if (layer.gates == 4) {
            lstm_step(layer, cell, x, state);
        } else if (layer.gates == 3) {
            gru_step(layer, cell, x, state.h);
        } else {
            rnn_step(layer, cell, x, state.h);
        }
        const std::int64_t place =
            ((t * layer.directions + direction) * layer.batch + sample) * layer.hidden;
        std::copy(state.h.begin(), state.h.end(), y.begin() + place);
    }
    std::copy(state.h.begin(), state.h.end(), layer.h.begin() + at);
    if (!layer.c.empty()) std::copy(state.c.begin(), state.c.end(), layer.c.begin() + at);
}

Result<Tensor> to_tensor(const Row& values, const Shape& shape, DType dtype) {
    return cast_tensor(Tensor::of<double>(DType::kF64, shape, values), dtype);
}

Outputs recurrent(const OpContext& context) {
    Layer layer = HF_TRY(make_layer(context));
    HF_TRY(make_cells(context.node, layer));
    const Shape y_shape{layer.steps, layer.directions, layer.batch, layer.hidden};
    const DType dtype = context.inputs[0].dtype();
    HF_TRY(make_tensor(DType::kF64, y_shape));
    Row y(static_cast<std::size_t>(y_shape.elements()), 0);
    for (std::int64_t direction = 0; direction < layer.directions; ++direction) {
        for (std::int64_t sample = 0; sample < layer.batch; ++sample) {
            run_sequence(layer, direction, sample, y);
        }
    }
    Shape state_shape{layer.directions, layer.batch, layer.hidden};
    Shape out_shape = y_shape;
    if (context.node.int_or("layout", 0) != 0) {
        // [steps, directions, batch, hidden] to [batch, steps, directions, hidden].
        y = swap_outer(y, layer.steps * layer.directions, layer.batch);
        out_shape = {layer.batch, layer.steps, layer.directions, layer.hidden};
        layer.h = swap_outer(layer.h, layer.directions, layer.batch);
        if (!layer.c.empty()) layer.c = swap_outer(layer.c, layer.directions, layer.batch);
        state_shape = {layer.batch, layer.directions, layer.hidden};
    }
    std::vector<Tensor> outputs = one(HF_TRY(to_tensor(y, out_shape, dtype)));
    outputs.push_back(HF_TRY(to_tensor(layer.h, state_shape, dtype)));
    if (!layer.c.empty()) outputs.push_back(HF_TRY(to_tensor(layer.c, state_shape, dtype)));
    outputs.resize(context.node.outputs.size());
    return outputs;
}

}  // namespace

std::vector<OpRow> recurrent_rows() {
    return {{"", "RNN", recurrent}, {"", "GRU", recurrent}, {"", "LSTM", recurrent}};
}

}  // namespace hf::runtime::ref
