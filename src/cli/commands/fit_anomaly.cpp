#include <cmath>

#include "base/json.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/series_file.h"
#include "crypto/hash.h"
#include "graph/onnx/export.h"
#include "stream/detector_model.h"

namespace hf::cli {
namespace {

constexpr std::string_view kProducer = "holdfast";
constexpr std::string_view kDocumentation =
    "Subspace anomaly detector. score is 1.0 at the limit; see holdfast.* in the metadata.";

Result<double> share(const Arguments& arguments, const std::string& name) {
    return parse_double(arguments.get(name)).context("--{}", name);
}

// The part of the series to learn from: up to --until, or the first --train-fraction.
Result<stream::Series> training_part(const stream::Series& series, const Arguments& arguments) {
    if (arguments.has("until")) {
        if (arguments.has("train-fraction")) {
            return invalid_argument("--until and --train-fraction: give one of them");
        }
        const Instant until = HF_TRY(parse_rfc3339(arguments.get("until")).context("--until"));
        stream::Series part;
        for (const stream::Sample& sample : series) {
            if (sample.time <= until) part.push_back(sample);
        }
        return part;
    }
    const double fraction = HF_TRY(share(arguments, "train-fraction"));
    if (!(fraction > 0 && fraction <= 1)) {
        return invalid_argument("--train-fraction: {} is outside 0 to 1", fraction);
    }
    const auto count = std::floor(fraction * static_cast<double>(series.size()));
    return stream::Series(series.begin(), series.begin() + static_cast<std::ptrdiff_t>(count));
}

Result<stream::DetectorOptions> detector_options(const Arguments& arguments) {
    stream::DetectorOptions options;
    options.window = static_cast<std::size_t>(
        HF_TRY(arguments.integer("window", stream::kMinWindow, stream::kMaxWindow)));
    options.period =
        static_cast<std::size_t>(HF_TRY(arguments.integer("period", 0, stream::kMaxPeriod)));
    options.quantile = HF_TRY(share(arguments, "quantile"));
    options.explained = HF_TRY(share(arguments, "explained"));
    return options;
}

json::Object to_json(const stream::Detector& detector) {
    return {{"window", detector.options.window},
            {"period", detector.options.period},
            {"step_seconds", std::chrono::duration<double>(detector.step).count()},
            {"components", detector.variances.size()},
            {"explained", detector.explained},
            {"quantile", detector.options.quantile},
            {"spe_limit", detector.spe_limit},
            {"t2_limit", detector.t2_limit},
            {"training_samples", detector.samples},
            {"training_windows", detector.windows},
            {"training_from", format_rfc3339(detector.first)},
            {"training_to", format_rfc3339(detector.last)},
            {"values_filled", detector.holes.filled},
            {"holes", detector.holes.restarts}};
}

std::string describe(const stream::Detector& detector) {
    return fmt::format(
        "learned from {} samples, {} apart, {} to {}\n"
        "{} windows of {} samples{}; {} components hold {:.1f} % of their variance\n",
        detector.samples, format_duration(detector.step), format_rfc3339(detector.first),
        format_rfc3339(detector.last), detector.windows, detector.options.window,
        detector.options.period == 0 ? "" : fmt::format(", period {}", detector.options.period),
        detector.variances.size(), 100 * detector.explained);
}

Status run(World& world, const Arguments& arguments) {
    const std::string path = arguments.get("DATA");
    const std::string output = arguments.get("output");
    const stream::DetectorOptions options = HF_TRY(detector_options(arguments));
    const SeriesFile file = HF_TRY(read_series(world, path, arguments));
    const stream::Series training = HF_TRY(training_part(file.read.series, arguments));
    const stream::Detector detector =
        HF_TRY(stream::fit_detector(training, options).context("{}", path));
    graph::Graph graph = HF_TRY(stream::detector_graph(detector));
    graph.metadata["producer"] = kProducer;
    graph.metadata["holdfast.version"] = kVersion;
    graph.metadata["holdfast.data_digest"] = file.digest.to_string();
    graph.metadata["holdfast.data_column"] = arguments.get("value");
    graph::onnx::ExportOptions export_options;
    export_options.documentation = kDocumentation;
    const Bytes model = HF_TRY(graph::onnx::export_model(graph, export_options));
    HF_TRY(world.files.write(output, model));
    const std::string digest = crypto::sha256(model).to_string();
    if (arguments.flag("json")) {
        json::Object row = to_json(detector);
        row["model"] = output;
        row["digest"] = digest;
        row["data_digest"] = file.digest.to_string();
        world.out(json::write(row) + "\n");
        return {};
    }
    world.out(describe(detector) +
              fmt::format("wrote {} ({}, {})\n", output, format_bytes(model.size()), digest));
    return {};
}

}  // namespace

Command fit_anomaly_command() {
    std::vector<Option> options = series_options();
    options.insert(
        options.end(),
        {{"-o,--output", "where the ONNX model goes", "FILE", "", false, true},
         {"--period", "samples in a season (a day, a week) to take off; 0: none", "N", "0"},
         {"--window", "samples that are judged together", "W", "48"},
         {"--train-fraction", "learn from this first part of the file", "SHARE", "1"},
         {"--until", "learn from what is not later than this", "TIME"},
         {"--quantile", "share of training windows within the limits", "SHARE", "0.999"},
         {"--explained", "share of variance that the components hold", "SHARE", "0.99"},
         {"--json", "as JSON", ""}});
    return {"fit anomaly",
            "Learns what is normal for a sensor and writes a detector as an ONNX model",
            {{"DATA", "a CSV file with a header, one row a sample; normal operation"}},
            std::move(options),
            {"holdfast fit anomaly pump.csv --time timestamp --value celsius -o pump.onnx",
             "holdfast fit anomaly pump.csv --time timestamp --value celsius --period 288 "
             "--train-fraction 0.15 -o pump.onnx"},
            run};
}

}  // namespace hf::cli
