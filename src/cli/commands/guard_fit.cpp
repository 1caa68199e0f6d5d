#include <algorithm>

#include "base/json.h"
#include "base/text.h"
#include "cli/calibration_data.h"
#include "cli/commands.h"
#include "cli/guard_layer.h"
#include "cli/model_file.h"
#include "crypto/hash.h"
#include "serve/guard/fit.h"
#include "tensor/npy.h"
#include "trust/model_digest.h"

namespace hf::cli {
namespace {

using serve::guard::FitOptions;
using serve::guard::FitReport;
using serve::guard::FitSource;
using serve::guard::Fitted;
using serve::guard::Interval;
using serve::guard::Squeezer;

constexpr std::int64_t kMaxSamples = 1'000'000;
constexpr std::uint64_t kMaxLabelBytes = 64u << 20;

// "bit-depth-1", "median-2".
Result<Squeezer> parse_squeezer(const std::string& name) {
    Squeezer squeezer;
    const std::size_t dash = name.rfind('-');
    const std::string kind = name.substr(0, std::min(dash, name.size()));
    const auto number =
        parse_int(dash == std::string::npos ? "" : std::string_view(name).substr(dash + 1));
    const bool median = kind == "median" && number.ok() && (*number == 2 || *number == 3);
    const bool depth = kind == "bit-depth" && number.ok() && *number >= 1 && *number <= 16;
    if (!median && !depth) {
        return invalid_argument(
            "--squeezer: there is no '{}'; want bit-depth-1 to bit-depth-16, median-2 or median-3",
            name);
    }
    squeezer.kind = median ? Squeezer::Kind::kMedian : Squeezer::Kind::kBitDepth;
    (median ? squeezer.size : squeezer.bits) = static_cast<int>(*number);
    return squeezer;
}

Status leave_out(const std::vector<std::string>& parts, FitOptions& options) {
    for (const std::string& part : parts) {
        if (part == "energy") {
            options.energy = false;
        } else if (part == "mahalanobis") {
            options.mahalanobis = false;
        } else if (part == "squeezing") {
            options.squeezing = false;
        } else {
            return invalid_argument(
                "--without: there is no part '{}'; want energy, mahalanobis or squeezing", part);
        }
    }
    return {};
}

Result<FitOptions> options_of(const Arguments& arguments) {
    FitOptions options;
    options.mode = HF_TRY(serve::guard::parse_mode(arguments.get("mode")).context("--mode"));
    options.false_alarms = HF_TRY(share_option(arguments, "false-alarms"));
    if (!(options.false_alarms >= 1e-5 && options.false_alarms <= 0.5)) {
        return invalid_argument("--false-alarms: {} is outside 0.001% to 50%",
                                arguments.get("false-alarms"));
    }
    options.margin = HF_TRY(share_option(arguments, "margin"));
    options.output = arguments.get("scores");
    options.seed =
        static_cast<std::uint64_t>(HF_TRY(arguments.integer("seed", 0, std::int64_t{1} << 53)));
    HF_TRY(leave_out(arguments.all("without"), options));
    for (const std::string& name : arguments.all("squeezer")) {
        options.squeezers.push_back(HF_TRY(parse_squeezer(name)));
    }
    if (options.squeezers.size() > serve::guard::kMaxSqueezers) {
        return invalid_argument("--squeezer: at most {} of them", serve::guard::kMaxSqueezers);
    }
    return options;
}

// Empty without --labels.
Result<std::vector<std::int64_t>> read_labels(World& world, const Arguments& arguments,
                                              std::size_t samples) {
    std::vector<std::int64_t> labels;
    if (!arguments.has("labels")) return labels;
    const std::string path = arguments.get("labels");
    const Bytes bytes = HF_TRY(world.files.read(path, kMaxLabelBytes).context("--labels"));
    const Tensor tensor = HF_TRY(parse_npy(bytes).context("--labels {}", path));
    if (tensor.dtype() == DType::kI64) {
        labels.assign(tensor.values<std::int64_t>().begin(), tensor.values<std::int64_t>().end());
    } else if (tensor.dtype() == DType::kI32) {
        labels.assign(tensor.values<std::int32_t>().begin(), tensor.values<std::int32_t>().end());
    } else if (tensor.dtype() == DType::kU8) {
        labels.assign(tensor.values<std::uint8_t>().begin(), tensor.values<std::uint8_t>().end());
    } else {
        return invalid_argument("--labels {}: has {}; want i64, i32 or u8", path,
                                dtype_name(tensor.dtype()));
    }
    if (labels.size() < samples) {
        return invalid_argument("--labels {}: {} labels for {} samples", path, labels.size(),
                                samples);
    }
    labels.resize(samples);
    return labels;
}

json::Object rate_json(std::size_t alarms, std::size_t of) {
    const Interval interval = serve::guard::wilson(alarms, of);
    return {{"false_alarms", alarms},
            {"of", of},
            {"rate", static_cast<double>(alarms) / static_cast<double>(of)},
            {"least", interval.least},
            {"most", interval.most}};
}

json::Object report_json(const FitReport& report) {
    json::Object parts;
    for (const FitReport::Row& row : report.rows) {
        json::Object part = rate_json(row.alarms, report.measured);
        if (row.part != "ranges") part["threshold"] = row.threshold;
        parts[row.part] = std::move(part);
    }
    return {{"learned_from", report.learned},
            {"set_thresholds", report.held},
            {"measured", report.measured},
            {"parts", std::move(parts)},
            {"all", rate_json(report.alarms, report.measured)},
            {"left_out", json::Array(report.left_out.begin(), report.left_out.end())}};
}

std::string line(std::string_view part, std::string_view threshold, std::size_t alarms,
                 std::size_t of) {
    const Interval interval = serve::guard::wilson(alarms, of);
    return fmt::format("{:12} {:>12} {:>9.2f} %   {:.2f} to {:.2f} %\n", part, threshold,
                       100.0 * static_cast<double>(alarms) / static_cast<double>(of),
                       100 * interval.least, 100 * interval.most);
}

std::string format(const Fitted& fitted) {
    const FitReport& report = fitted.report;
    std::string text = fmt::format(
        "{} samples learned from, {} set thresholds, {} measured false alarms\n"
        "{:12} {:>12} {:>11}   95 % interval\n",
        report.learned, report.held, report.measured, "part", "threshold", "alarms");
    for (const FitReport::Row& row : report.rows) {
        const std::string threshold =
            row.part == "ranges" ? "-" : fmt::format("{:.6g}", row.threshold);
        text += line(row.part, threshold, row.alarms, report.measured);
    }
    text += line("any", "", report.alarms, report.measured);
    for (const std::string& why : report.left_out) text += fmt::format("left out: {}\n", why);
    if (fitted.guard.mahalanobis) {
        text += fmt::format("distances in '{}': {} features, {} classes\n",
                            fitted.guard.mahalanobis->layer, fitted.guard.mahalanobis->width,
                            fitted.guard.mahalanobis->classes);
    }
    if (fitted.guard.squeezing) {
        text += fmt::format("squeezing is {} more runs of the model a request\n",
                            fitted.guard.squeezing->squeezers.size());
    }
    return text;
}

// The model with the layer as an output, and the layer's name; empty: there is none.
struct Loaded {
    LoadedModel loaded;
    std::string layer;
    std::string digest;
};
Result<Loaded> load(World& world, const Arguments& arguments, const graph::Graph& graph,
                    const FitOptions& options) {
    const std::string path = arguments.get("MODEL");
    ModelFile file = HF_TRY(map_model(world, path));
    file.layer = arguments.get("layer");
    file.data = std::make_shared<DataBeside>(world.files, path, DataBeside::Digests::kTaken);
    const bool choose = file.layer.empty() && options.mahalanobis;
    if (choose) file.layer = layer_before_last_product(graph, options.output);
    Loaded model;
    const Digest own = crypto::sha256(file.file->bytes());
    model.loaded = HF_TRY(load_model(world, file, arguments));
    model.digest = trust::model_digest(own, file.data->digests()).to_string();
    const std::vector<runtime::Port>& outputs = model.loaded.model->signature().outputs;
    const bool added = outputs.size() > model.loaded.own_outputs;
    model.layer = added ? outputs.back().name : file.layer;
    return model;
}

Status run(World& world, const Arguments& arguments) {
    const std::string path = arguments.get("MODEL");
    const std::string to = arguments.has("out") ? arguments.get("out") : path + ".guard.json";
    const FitOptions options = HF_TRY(options_of(arguments));
    const graph::Graph graph = HF_TRY(load_graph(world, path));
    CalibrationSource calibration{arguments.get("inputs"), 0, options.seed};
    calibration.samples_max =
        static_cast<std::size_t>(HF_TRY(arguments.integer("samples", 1, kMaxSamples)));
    runtime::Samples samples =
        HF_TRY(open_calibration(world, graph, calibration).context("--inputs"));
    const std::vector<std::int64_t> labels = HF_TRY(read_labels(world, arguments, samples.count));
    const Loaded model = HF_TRY(load(world, arguments, graph, options));
    const std::unique_ptr<runtime::Session> session = HF_TRY(model.loaded.model->new_session());
    const FitSource source{model.loaded.model->signature(), model.layer, std::move(samples), labels,
                           [&](std::span<const Tensor> inputs) { return session->run(inputs); }};
    Fitted fitted = HF_TRY(serve::guard::fit(source, options).context("{}", path));
    fitted.guard.model = model.digest;
    fitted.guard.fitted = report_json(fitted.report);
    fitted.guard.fitted["false_alarms_wanted"] = options.false_alarms;
    fitted.guard.fitted["seed"] = options.seed;
    fitted.guard.fitted["holdfast_version"] = kVersion;
    const std::string text = serve::guard::write(fitted.guard);
    HF_TRY(world.files.write(to, as_bytes(text)));
    if (arguments.flag("json")) {
        json::Object row = report_json(fitted.report);
        row["guard"] = to;
        world.out(json::write(row) + "\n");
        return {};
    }
    world.out(format(fitted) + fmt::format("wrote {} ({}, mode {})\n", to,
                                           format_bytes(text.size()), arguments.get("mode")));
    return {};
}

}  // namespace

Command guard_fit_command() {
    std::vector<Option> options{
        {"--inputs",
         "samples of what the model is for: FILE.npy or FILE.npz whose first axis numbers them, or "
         "a folder of .npy files",
         "DATA", "", false, true},
        {"--labels", "FILE.npy with the class of each; else what the model answers", "FILE"},
        {"-o,--out", "where the guard goes; beside the model unless given", "FILE"},
        {"--mode", "observe, flag or refuse", "MODE", "flag"},
        {"--false-alarms", "the share of usual requests that may be suspected", "P%", "1%"},
        {"--margin", "room of ranges on either side, of the width that was seen", "P%", "10%"},
        {"--layer",
         "a value of the model's graph to measure distances in; else what its last product takes",
         "NAME"},
        {"--scores", "the output with a score for each class; the first unless given", "NAME"},
        {"--squeezer",
         "bit-depth-N or median-N; else bit-depth-1 (of colours bit-depth-5) and median-2", "NAME",
         "", true},
        {"--without", "leave out energy, mahalanobis or squeezing", "PART", "", true},
        {"--samples", "take the first N samples", "N", "10000"},
        {"--seed", "which samples learn, set thresholds and measure", "N", "1"},
        {"--json", "the report as JSON", ""}};
    for (Option& option : device_options()) options.push_back(std::move(option));
    return {
        "guard fit",
        "Fits a guard to samples: ranges, distances and thresholds at a false-alarm rate",
        {{"MODEL", "an ONNX or TFLite model"}},
        std::move(options),
        {"holdfast guard fit mnist.onnx --inputs digits.npy --labels labels.npy",
         "holdfast guard fit pump.onnx --inputs readings.npy --false-alarms 0.1% --mode refuse"},
        run};
}

}  // namespace hf::cli
