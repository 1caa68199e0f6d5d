#include "runtime/quantize/quantize.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/text.h"
#include "graph/infer.h"
#include "graph/verify.h"
#include "passes/quantize/insert.h"
#include "passes/quantize/layers.h"
#include "passes/quantize/prepare.h"
#include "runtime/quantize/observe.h"
#include "runtime/ref/interpreter.h"

namespace hf::runtime {
namespace {

using passes::Layer;

class Quantizer final {
public:
    Quantizer(graph::Graph graph, const Samples& samples, const QuantizeOptions& options)
        : graph_(std::move(graph)), samples_(samples), options_(options) {}

    Result<Quantized> run() {
        HF_TRY(passes::prepare_to_quantize(graph_, {ref::evaluate_node}));
        closed_ = HF_TRY(passes::with_closed_inputs(graph_));
        layers_ = passes::find_layers(closed_);
        HF_TRY(choose_all());
        const Split split = split_samples(samples_.count, options_.seed);
        report_.calibration_samples = split.calibration.size();
        report_.held_out_samples = split.held_out.size();
        tell("observing ranges on {} samples", split.calibration.size());
        stored_ = HF_TRY(
            observe_ranges(closed_, observed(), {options_.rule, samples_, split.calibration}));
        tell("running the f32 model on {} held-out samples", split.held_out.size());
        judge_ = HF_TRY(Judge::create(closed_, options_.measure, samples_, split.held_out));
        report_.measure = judge_->measure();
        HF_TRY(measure_layers());
        HF_TRY(keep_budget());
        Quantized quantized{HF_TRY(converted(graph_, chosen_)), {}};
        fill_rows();
        quantized.report = std::move(report_);
        return quantized;
    }

private:
    template <typename... Args>
    void tell(fmt::format_string<Args...> format, Args&&... args) const {
        if (options_.progress) options_.progress(fmt::format(format, std::forward<Args>(args)...));
    }

    const graph::Node& node(std::size_t layer) const {
        return graph_.nodes[layers_.layers[layer].node];
    }
    bool is_move(std::size_t layer) const {
        return layers_.layers[layer].kind == Layer::Kind::kMove;
    }

    // Every layer but those that the user keeps.
    Status choose_all() {
        const std::size_t count = layers_.layers.size();
        chosen_.assign(count, false);
        why_.assign(count, "");
        own_.assign(count, std::nullopt);
        std::vector<std::string> names;
        bool any_weights = false;
        for (std::size_t i = 0; i < count; ++i) {
            if (is_move(i)) continue;
            chosen_[i] = true;
            names.push_back(node(i).name);
            any_weights |= layers_.layers[i].kind == Layer::Kind::kWeighted;
        }
        if (!any_weights) {
            const auto& refusals = layers_.refusals;
            return failed_precondition(
                "there is nothing to quantise: no Conv, Gemm or MatMul has constant f32 weights "
                "that integer kernels take{}",
                refusals.empty()
                    ? ""
                    : fmt::format("; {}: {}", graph_.nodes[refusals[0].node].describe(),
                                  refusals[0].why));
        }
        for (const std::string& name : options_.keep) {
            bool found = false;
            for (std::size_t i = 0; i < count; ++i) {
                if (is_move(i) || node(i).name != name) continue;
                found = true;
                chosen_[i] = false;
                why_[i] = "kept by the caller";
            }
            if (!found) {
                return invalid_argument("there is no layer '{}'{}", name,
                                        suggestion(name, names, "layers"));
            }
        }
        if (std::find(chosen_.begin(), chosen_.end(), true) != chosen_.end()) return {};
        return failed_precondition("there is nothing to quantise: every layer is kept in f32");
    }

    // The values whose ranges are chosen, in the order of the nodes.
    std::vector<graph::ValueId> observed() const {
        std::vector<graph::ValueId> wanted;
        const auto add = [&](graph::ValueId id) {
            const graph::ValueId root = layers_.range_of[id.value()];
            if (std::find(wanted.begin(), wanted.end(), root) == wanted.end()) {
                wanted.push_back(root);
            }
        };
        for (const Layer& layer : layers_.layers) {
            for (const std::size_t place : layer.places) {
                add(graph_.nodes[layer.node].inputs[place]);
            }
            add(layer.output);
        }
        return wanted;
    }

    Result<graph::Graph> converted(graph::Graph graph, const std::vector<bool>& is_int8) const {
        const passes::Conversions placed = passes::place_conversions(graph, layers_, is_int8);
        passes::insert_conversions(graph, layers_, placed, stored_);
        HF_TRY(graph::verify(graph));
        HF_TRY(graph::infer_shapes(graph));
        return graph;
    }

    Result<Loss> loss_of(const std::vector<bool>& is_int8, std::size_t most) const {
        return judge_->judge(HF_TRY(converted(closed_, is_int8)), most);
    }

    Status measure_layers() {
        const std::size_t count = layers_.layers.size();
        for (std::size_t i = 0; i < count; ++i) {
            if (!chosen_[i]) continue;
            tell("measuring layer {} of {}: {}", i + 1, count, node(i).name);
            std::vector<bool> alone(count, false);
            alone[i] = true;
            own_[i] = HF_TRY(loss_of(alone, kMaxLayerSamples).context("{}", node(i).describe()));
        }
        return {};
    }

    // The int8 layer that loses most by itself; the earlier of two equals.
    std::optional<std::size_t> worst() const {
        std::optional<std::size_t> worst;
        for (std::size_t i = 0; i < chosen_.size(); ++i) {
            if (!chosen_[i]) continue;
            if (!worst || own_[i]->relative > own_[*worst]->relative) worst = i;
        }
        return worst;
    }

    Status keep_budget() {
        const std::size_t all = judge_->held_out();
        report_.everything = report_.chosen = HF_TRY(loss_of(chosen_, all));
        while (report_.chosen.by(report_.measure) > options_.loss_max) {
            const auto index = worst();
            HF_CHECK(index, "a graph without int8 layers loses something");
            chosen_[*index] = false;
            const double before = report_.chosen.by(report_.measure);
            if (!worst()) {
                return failed_precondition(
                    "no layer can be int8 within a loss of {:.3g} %: the last one, '{}', still "
                    "loses {:.3g} %; allow more, or give more or other samples",
                    100 * options_.loss_max, node(*index).name, 100 * before);
            }
            report_.chosen = HF_TRY(loss_of(chosen_, all));
            why_[*index] = fmt::format(
                "the most lossy one left: in f32 the model's loss goes from {:.3g} % "
                "to {:.3g} %",
                100 * before, 100 * report_.chosen.by(report_.measure));
            tell("layer {} stays f32: {}", node(*index).name, why_[*index]);
        }
        return {};
    }

    void fill_rows() {
        std::vector<std::pair<std::size_t, QuantizeReport::Row>> rows;  // by node
        for (std::size_t i = 0; i < layers_.layers.size(); ++i) {
            if (is_move(i)) continue;
            QuantizeReport::Row row;
            row.name = node(i).name;
            row.op = node(i).op;
            row.is_int8 = chosen_[i];
            row.why = why_[i];
            row.measured = own_[i].has_value();
            row.own = own_[i].value_or(Loss{});
            row.output = stored_[layers_.range_of[layers_.layers[i].output.value()].value()];
            rows.emplace_back(layers_.layers[i].node, std::move(row));
        }
        for (const passes::Refusal& refusal : layers_.refusals) {
            const graph::Node& refused = graph_.nodes[refusal.node];
            QuantizeReport::Row row;
            row.name = refused.name;
            row.op = refused.op;
            row.why = refusal.why;
            rows.emplace_back(refusal.node, std::move(row));
        }
        std::sort(rows.begin(), rows.end(),
                  [](const auto& a, const auto& b) { return a.first < b.first; });
        for (auto& [at, row] : rows) report_.rows.push_back(std::move(row));
    }

    graph::Graph graph_, closed_;
    const Samples& samples_;
    const QuantizeOptions& options_;
    passes::Layers layers_;
    std::vector<passes::Stored> stored_;  // by ValueId
    std::optional<Judge> judge_;
    std::vector<bool> chosen_;      // by layer: int8
    std::vector<std::string> why_;  // by layer: why it is not
    std::vector<std::optional<Loss>> own_;
    QuantizeReport report_;
};

}  // namespace

Result<Quantized> quantize(graph::Graph graph, const Samples& samples,
                           const QuantizeOptions& options) {
    if (samples.count == 0) return invalid_argument("there are no samples to calibrate with");
    return Quantizer(std::move(graph), samples, options).run();
}

}  // namespace hf::runtime
