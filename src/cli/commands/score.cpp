#include <chrono>

#include "cli/commands.h"
#include "cli/model_file.h"
#include "cli/replay.h"
#include "cli/series_file.h"

namespace hf::cli {
namespace {

class LocalScorer final : public Scorer {
public:
    static Result<LocalScorer> create(const runtime::CompiledModel& model) {
        std::vector<DetectorPort> inputs;
        for (const runtime::Port& port : model.signature().inputs) {
            inputs.push_back({port.name, port.shape.extents()});
        }
        const DetectorPorts ports = HF_TRY(detector_ports(inputs));
        if (model.signature().outputs.empty() || model.signature().outputs[0].name != "score") {
            return invalid_argument("the model's first output is not 'score'");
        }
        return LocalScorer(ports, HF_TRY(model.new_session()));
    }

    std::size_t window() const override { return ports_.window; }

    Result<BatchScores> score(const WindowBatch& batch) override {
        const auto count = static_cast<std::int64_t>(batch.times.size());
        std::vector<Tensor> inputs{
            Tensor::of<float>(DType::kF32, {count, static_cast<std::int64_t>(ports_.window)},
                              std::span(batch.values))};
        if (ports_.needs_time) {
            std::vector<std::int64_t> times;
            for (Instant time : batch.times) times.push_back(to_milliseconds(time));
            inputs.push_back(
                Tensor::of<std::int64_t>(DType::kI64, {count}, std::span(std::as_const(times))));
        }
        const std::vector<Tensor> outputs = HF_TRY(session_->run(inputs));
        BatchScores answer;
        for (float score : outputs[0].values<float>()) answer.scores.push_back(score);
        return answer;
    }

private:
    LocalScorer(DetectorPorts ports, std::unique_ptr<runtime::Session> session)
        : ports_(ports), session_(std::move(session)) {}

    DetectorPorts ports_;
    std::unique_ptr<runtime::Session> session_;
};

Status run(World& world, const Arguments& arguments) {
    const std::string path = arguments.get("MODEL");
    const LoadedModel loaded = HF_TRY(load_model(world, path, arguments));
    LocalScorer scorer = HF_TRY(LocalScorer::create(*loaded.model).context("{}", path));
    return replay(world, arguments.get("DATA"), arguments, scorer);
}

}  // namespace

Command score_command() {
    std::vector<Option> options = series_options();
    for (Option& option : replay_options()) options.push_back(std::move(option));
    for (Option& option : device_options()) options.push_back(std::move(option));
    return {"score",
            "Runs a recorded series through an anomaly detector and prints the alerts",
            {{"MODEL", "an ONNX model from `holdfast fit anomaly`"},
             {"DATA", "a CSV file with a header"}},
            std::move(options),
            {"holdfast score pump.onnx pump.csv --time timestamp --value celsius "
             "--after 2026-01-08T00:00:00Z"},
            run};
}

}  // namespace hf::cli
