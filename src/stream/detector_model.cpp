#include "stream/detector_model.h"

#include <chrono>
#include <cmath>

namespace hf::stream {
namespace {

using graph::Graph;
using graph::Node;
using graph::Value;
using graph::ValueId;

// Adds nodes of one output each to a graph.
class Builder {
public:
    explicit Builder(Graph& graph) : graph_(graph) {}

    ValueId input(std::string name, DType dtype, Shape shape) {
        const ValueId id = port(std::move(name), dtype, std::move(shape));
        graph_.inputs.push_back(id);
        return id;
    }

    ValueId constant(std::string name, Shape shape, const std::vector<double>& values) {
        const std::vector<float> narrow(values.begin(), values.end());
        return graph_.add_constant(
            std::move(name), Tensor::of<float>(DType::kF32, std::move(shape), std::span(narrow)));
    }
    ValueId scalar(std::string name, double value) {
        return constant(std::move(name), {}, {value});
    }
    ValueId integers(std::string name, Shape shape, const std::vector<std::int64_t>& values) {
        return graph_.add_constant(
            std::move(name),
            Tensor::of<std::int64_t>(DType::kI64, std::move(shape), std::span(values)));
    }

    // The output of a new node, under the node's name.
    ValueId node(std::string op, std::vector<ValueId> inputs, std::string name) {
        Value value;
        value.name = name;
        return node(std::move(op), std::move(inputs), graph_.add_value(std::move(value)));
    }
    ValueId output(std::string op, std::vector<ValueId> inputs, Value value) {
        const ValueId id = graph_.add_value(std::move(value));
        graph_.outputs.push_back(id);
        return node(std::move(op), std::move(inputs), id);
    }

    ValueId sum_of_squares(ValueId vectors, const std::string& name) {
        const ValueId squares = node("Mul", {vectors, vectors}, name + "_squares");
        return node("ReduceSum", {squares, integers(name + "_axes", {1}, {1})}, name);
    }

private:
    ValueId port(std::string name, DType dtype, Shape shape) {
        Value value;
        value.name = std::move(name);
        value.dtype = dtype;
        value.shape = std::move(shape);
        return graph_.add_value(std::move(value));
    }

    ValueId node(std::string op, std::vector<ValueId> inputs, ValueId out) {
        Node node;
        node.op = std::move(op);
        node.name = graph_.value(out).name;
        node.opset = kDetectorOpset;
        node.inputs = std::move(inputs);
        node.outputs = {out};
        graph_.nodes.push_back(std::move(node));
        return out;
    }

    Graph& graph_;
};

std::int64_t milliseconds(Duration duration) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

// Takes the seasonal profile off: the row of a table of windows that the time of the last value
// chooses. Mod comes first, so that the division has nothing negative to round.
ValueId without_profile(Builder& build, const Detector& detector, ValueId scaled) {
    const std::size_t period = detector.options.period;
    const std::size_t width = detector.options.window;
    const std::int64_t step = milliseconds(detector.step);
    const std::int64_t first = milliseconds(detector.first.time_since_epoch());
    const ValueId time = build.input("time_ms", DType::kI64, {Shape::kUnknown});
    const ValueId origin = build.integers("phase_origin_ms", {}, {first - step / 2});
    const ValueId season =
        build.integers("season_ms", {}, {step * static_cast<std::int64_t>(period)});
    const ValueId since = build.node("Sub", {time, origin}, "since_origin");
    const ValueId into = build.node("Mod", {since, season}, "into_season");
    const ValueId phase = build.node("Div", {into, build.integers("step_ms", {}, {step})}, "phase");
    std::vector<double> table;
    for (std::size_t row = 0; row < period; ++row) {
        for (std::size_t i = 0; i < width; ++i) {
            const std::size_t back = (width - 1 - i) % period;
            table.push_back(detector.profile[(row + period - back) % period]);
        }
    }
    const ValueId profiles = build.constant(
        "profiles", {static_cast<std::int64_t>(period), static_cast<std::int64_t>(width)}, table);
    const ValueId usual = build.node("Gather", {profiles, phase}, "usual");
    return build.node("Sub", {scaled, usual}, "deseasoned");
}

std::vector<double> transposed(const std::vector<double>& rows, std::size_t width) {
    std::vector<double> columns(rows.size());
    const std::size_t height = rows.size() / width;
    for (std::size_t r = 0; r < height; ++r) {
        for (std::size_t c = 0; c < width; ++c) columns[c * height + r] = rows[r * width + c];
    }
    return columns;
}

std::string number(double value) {
    return fmt::format("{}", value);
}

}  // namespace

std::map<std::string, std::string> detector_metadata(const Detector& detector) {
    return {{"holdfast.detector", "subspace/1"},
            {"holdfast.window", std::to_string(detector.options.window)},
            {"holdfast.step_seconds", number(std::chrono::duration<double>(detector.step).count())},
            {"holdfast.period", std::to_string(detector.options.period)},
            {"holdfast.quantile", number(detector.options.quantile)},
            {"holdfast.components", std::to_string(detector.variances.size())},
            {"holdfast.explained", number(detector.explained)},
            {"holdfast.spe_limit", number(detector.spe_limit)},
            {"holdfast.t2_limit", number(detector.t2_limit)},
            {"holdfast.training_from", format_rfc3339(detector.first)},
            {"holdfast.training_to", format_rfc3339(detector.last)},
            {"holdfast.training_samples", std::to_string(detector.samples)},
            {"holdfast.training_windows", std::to_string(detector.windows)}};
}

Result<Graph> detector_graph(const Detector& detector) {
    if (detector.options.period > 0 &&
        detector.step % std::chrono::milliseconds(1) != Duration(0)) {
        return invalid_argument("samples {} apart: a period needs steps of whole milliseconds",
                                format_duration(detector.step));
    }
    const auto width = static_cast<std::int64_t>(detector.options.window);
    const auto count = static_cast<std::int64_t>(detector.variances.size());
    Graph graph;
    graph.name = "anomaly_detector";
    graph.metadata = detector_metadata(detector);
    Builder build(graph);
    const ValueId window = build.input("window", DType::kF32, {Shape::kUnknown, width});
    const ValueId shifted =
        build.node("Sub", {window, build.scalar("center", detector.center)}, "shifted");
    ValueId scaled = build.node("Div", {shifted, build.scalar("scale", detector.scale)}, "scaled");
    if (detector.options.period > 0) scaled = without_profile(build, detector, scaled);
    const ValueId centred =
        build.node("Sub", {scaled, build.constant("mean", {width}, detector.mean)}, "centred");

    const ValueId columns =
        build.constant("components_columns", {width, count},
                       transposed(detector.components, detector.options.window));
    const ValueId rows = build.constant("components_rows", {count, width}, detector.components);
    std::vector<double> inverse_deviations;
    for (double variance : detector.variances) {
        inverse_deviations.push_back(1 / std::sqrt(variance));
    }
    const ValueId along = build.node("MatMul", {centred, columns}, "along");
    const ValueId whitened = build.node(
        "Mul", {along, build.constant("inverse_deviations", {count}, inverse_deviations)},
        "whitened");
    const ValueId t2 = build.sum_of_squares(whitened, "t2");
    const ValueId inside = build.node("MatMul", {along, rows}, "inside");
    const ValueId outside = build.node("Sub", {centred, inside}, "outside");
    const ValueId spe = build.sum_of_squares(outside, "spe");

    const ValueId t2_ratio =
        build.node("Div", {t2, build.scalar("t2_limit", detector.t2_limit)}, "t2_ratio");
    const ValueId spe_ratio =
        build.node("Div", {spe, build.scalar("spe_limit", detector.spe_limit)}, "spe_ratio");
    Value score;
    score.name = "score";
    score.dtype = DType::kF32;
    score.shape = Shape{Shape::kUnknown, 1};
    const ValueId score_id = build.output("Max", {t2_ratio, spe_ratio}, std::move(score));
    Value alert;
    alert.name = "alert";
    alert.dtype = DType::kBool;
    alert.shape = Shape{Shape::kUnknown, 1};
    build.output("Greater", {score_id, build.scalar("one", 1)}, std::move(alert));
    return graph;
}

}  // namespace hf::stream
