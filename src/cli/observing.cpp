#include "cli/observing.h"

#include <cstring>

#include "base/text.h"
#include "serve/inference.h"

namespace hf::cli {
namespace {

using serve::seen::AccessLog;
using serve::seen::SpanExporter;

std::uint64_t draw_seed(World& world) {
    std::array<std::uint8_t, sizeof(std::uint64_t)> bytes{};
    world.entropy.fill(bytes);
    std::uint64_t seed = 0;
    std::memcpy(&seed, bytes.data(), sizeof seed);
    return seed;
}

Result<double> ratio_of(const Arguments& arguments) {
    const std::string text = arguments.get("trace-ratio");
    const Result<double> ratio = parse_double(text);
    if (ratio.ok() && *ratio >= 0 && *ratio <= 1) return *ratio;
    return invalid_argument("--trace-ratio: '{}' is not a number from 0 to 1, as in 0.1", text);
}

Result<std::unique_ptr<SpanExporter>> make_exporter(World& world, const Arguments& arguments,
                                                    const std::string& node) {
    if (!arguments.has("traces")) return std::unique_ptr<SpanExporter>();
    serve::seen::SpanExporterOptions options;
    options.endpoint = arguments.get("traces");
    options.resource = {{"service.name", std::string(serve::kServerName)},
                        {"service.version", std::string(serve::kServerVersion)}};
    options.instance = node;
    options.seed = draw_seed(world);
    return SpanExporter::start(std::move(options), world.clock);
}

Result<std::unique_ptr<AccessLog>> make_log(World& world, const Arguments& arguments) {
    if (!arguments.has("access-log")) return std::unique_ptr<AccessLog>();
    const std::string path = arguments.get("access-log");
    if (path != "-") return AccessLog::open(world.files, path);
    return std::make_unique<AccessLog>([&world](std::string_view lines) -> Status {
        world.out(lines);
        return {};
    });
}

}  // namespace

std::vector<Option> observing_options() {
    return {{"--traces",
             "send spans of requests to this OpenTelemetry collector (OTLP/HTTP; /v1/traces is "
             "added)",
             "URL"},
            {"--trace-ratio",
             "of requests that come without a trace, so many begin one; others go by their "
             "traceparent",
             "0..1", "0.1"},
            {"--access-log", "append a JSON object a request to this file; - is standard output",
             "FILE"}};
}

Result<Observing> make_observing(World& world, const Arguments& arguments,
                                 const std::string& node) {
    serve::seen::ObserverOptions options;
    options.ratio = HF_TRY(ratio_of(arguments));
    Observing observing;
    observing.spans = HF_TRY(make_exporter(world, arguments, node).context("--traces"));
    observing.log = HF_TRY(make_log(world, arguments).context("--access-log"));
    if (!observing.spans && !observing.log) return observing;
    options.spans = observing.spans.get();
    options.log = observing.log.get();
    if (arguments.get("access-log") != "-") options.log_file = arguments.get("access-log");
    options.seed = draw_seed(world);
    observing.observer = std::make_unique<serve::seen::Observer>(options, world.clock);
    return observing;
}

}  // namespace hf::cli
