#include <algorithm>

#include "base/json.h"
#include "base/text.h"
#include "cli/calibration_data.h"
#include "cli/commands.h"
#include "cli/model_file.h"
#include "graph/onnx/export.h"
#include "runtime/quantize/quantize.h"

namespace hf::cli {
namespace {

using runtime::QuantizeOptions;
using runtime::QuantizeReport;

constexpr std::int64_t kMaxSamples = 1'000'000;

Result<QuantizeOptions> options_of(World& world, const Arguments& arguments) {
    QuantizeOptions options;
    options.rule.calibrator =
        HF_TRY(passes::parse_calibrator(arguments.get("calibrator")).context("--calibrator"));
    options.rule.percentile =
        HF_TRY(parse_double(arguments.get("percentile")).context("--percentile"));
    if (!(options.rule.percentile > 50 && options.rule.percentile <= 100)) {
        return invalid_argument("--percentile: {} is outside 50 to 100", options.rule.percentile);
    }
    options.measure = HF_TRY(runtime::parse_measure(arguments.get("measure")).context("--measure"));
    options.loss_max = HF_TRY(share_option(arguments, "max-loss"));
    options.keep = arguments.all("keep");
    options.seed =
        static_cast<std::uint64_t>(HF_TRY(arguments.integer("seed", 0, std::int64_t{1} << 53)));
    options.progress = [&world](std::string_view what) {
        world.note(fmt::format("quantize: {}\n", what));
    };
    return options;
}

std::string_view loss_words(runtime::Measure measure) {
    return measure == runtime::Measure::kTop1 ? "of samples get another class"
                                              : "relative error of the outputs";
}

struct Sizes {
    std::uint64_t before = 0, after = 0;
};

json::Object to_json(const runtime::Loss& loss) {
    return {{"top1", loss.top1}, {"relative", loss.relative}};
}

json::Object describe(const QuantizeReport& report, const QuantizeOptions& options,
                      const Sizes& sizes) {
    json::Array layers;
    for (const QuantizeReport::Row& row : report.rows) {
        json::Object layer{
            {"name", row.name}, {"op", row.op}, {"type", row.is_int8 ? "int8" : "f32"}};
        if (!row.why.empty()) layer["why"] = row.why;
        if (row.measured) {
            layer["ownLoss"] = to_json(row.own);
            layer["low"] = row.output.low;
            layer["high"] = row.output.high;
            layer["scale"] = row.output.scale;
            layer["zero"] = row.output.zero;
        }
        layers.push_back(std::move(layer));
    }
    return {{"calibrator", std::string(passes::calibrator_name(options.rule.calibrator))},
            {"measure", std::string(runtime::measure_name(report.measure))},
            {"maxLoss", options.loss_max},
            {"calibrationSamples", report.calibration_samples},
            {"heldOutSamples", report.held_out_samples},
            {"lossWithEverything", to_json(report.everything)},
            {"loss", to_json(report.chosen)},
            {"bytesBefore", sizes.before},
            {"bytesAfter", sizes.after},
            {"layers", std::move(layers)}};
}

std::string format(const QuantizeReport& report, const QuantizeOptions& options) {
    std::string text =
        fmt::format("ranges by {} on {} samples; loss measured on {} held-out ones: {}\n",
                    passes::calibrator_name(options.rule.calibrator), report.calibration_samples,
                    report.held_out_samples, loss_words(report.measure));
    for (const QuantizeReport::Row& row : report.rows) {
        text += fmt::format("{:5} {:10} {:32}", row.is_int8 ? "int8" : "f32", row.op, row.name);
        if (row.measured) {
            text += fmt::format(" alone {:8.4f} %  range {:.4g} to {:.4g}", 100 * row.own.relative,
                                row.output.low, row.output.high);
        }
        text += row.why.empty() ? "\n" : fmt::format("\n      because: {}\n", row.why);
    }
    const auto line = [&](std::string_view what, const runtime::Loss& loss) {
        text += fmt::format("{}: {:.3g} % {}", what, 100 * loss.by(report.measure),
                            loss_words(report.measure));
        if (report.measure == runtime::Measure::kTop1) {
            text += fmt::format("; relative error of the outputs {:.3g} %", 100 * loss.relative);
        }
        text += "\n";
    };
    if (report.everything.by(report.measure) > options.loss_max) {
        line("everything int8", report.everything);
    }
    line("as written", report.chosen);
    return text;
}

void warn(World& world, const QuantizeReport& report, const QuantizeOptions& options) {
    if (report.measure != runtime::Measure::kTop1 || options.loss_max <= 0) return;
    const double least = 1 / static_cast<double>(report.held_out_samples);
    if (least <= options.loss_max) return;
    world.note(fmt::format(
        "warning: one of {} held-out samples is {:.3g} %, more than --max-loss; give more samples "
        "to measure as finely\n",
        report.held_out_samples, 100 * least));
}

Status run(World& world, const Arguments& arguments) {
    const std::string path = arguments.get("MODEL");
    const std::string to = arguments.get("output");
    const QuantizeOptions options = HF_TRY(options_of(world, arguments));
    graph::Graph graph = HF_TRY(load_graph(world, path));
    CalibrationSource source{arguments.get("calibrate"), 0, options.seed};
    source.samples_max =
        static_cast<std::size_t>(HF_TRY(arguments.integer("samples", 1, kMaxSamples)));
    if (source.path == "random") {
        world.note("warning: ranges of random inputs mean little; calibrate with real samples\n");
    }
    const runtime::Samples samples =
        HF_TRY(open_calibration(world, graph, source).context("--calibrate"));
    runtime::Quantized quantized =
        HF_TRY(runtime::quantize(std::move(graph), samples, options).context("{}", path));
    warn(world, quantized.report, options);
    quantized.graph.metadata["producer"] = "holdfast";
    quantized.graph.metadata["holdfast.version"] = kVersion;
    const Bytes model = HF_TRY(graph::onnx::export_model(quantized.graph).context("{}", path));
    HF_TRY(world.files.write(to, model));
    const Sizes sizes{HF_TRY(world.files.info(path)).size_bytes, model.size()};
    if (arguments.flag("json")) {
        json::Object row = describe(quantized.report, options, sizes);
        row["model"] = to;
        world.out(json::write(row) + "\n");
        return {};
    }
    world.out(format(quantized.report, options) + fmt::format("wrote {}: {}, from {}\n", to,
                                                              format_bytes(sizes.after),
                                                              format_bytes(sizes.before)));
    return {};
}

}  // namespace

Command quantize_command() {
    return {
        "quantize",
        "Makes an f32 model int8, as far as its measured loss allows; writes QDQ ONNX",
        {{"MODEL", "an ONNX or TFLite model in f32"}},
        {{"--calibrate",
          "FILE.npy or FILE.npz whose first axis numbers the samples, a folder of .npy files, "
          "or random",
          "DATA", "", false, true},
         {"-o,--output", "where the ONNX model goes", "OUT.onnx", "", false, true},
         {"--max-loss", "what the held-out fifth of the samples may lose", "P%", "0.5%"},
         {"--measure", "top1 (another class), relative (L2 error), or auto: top1 for classifiers",
          "NAME", "auto"},
         {"--calibrator", "how ranges are chosen: minmax, percentile or mse", "NAME", "percentile"},
         {"--percentile", "share of elements within the range, in percent", "P", "99.99"},
         {"--samples", "take the first N samples", "N", "512"},
         {"--keep", "leave this layer in f32", "NODE", "", true},
         {"--seed", "which samples are held out", "N", "1"},
         {"--json", "the report as JSON", ""}},
        {"holdfast quantize model.onnx --calibrate images.npy -o model-int8.onnx",
         "holdfast quantize model.tflite --calibrate samples/ --max-loss 1% -o int8.onnx "
         "--json"},
        run};
}

}  // namespace hf::cli
