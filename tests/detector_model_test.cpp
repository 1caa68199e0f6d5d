// Anomaly detectors as ONNX models: what the devices compute from the exported bytes is what the
// detector in double precision says.

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "graph/load.h"
#include "graph/onnx/export.h"
#include "runtime/compile.h"
#include "stream/detector_model.h"
#include "stream/simulated_machine.h"
#include "testing/script.h"

namespace hf {
namespace {

constexpr std::size_t kWindow = 32;

// Two healthy weeks, then a day of a growing fault.
stream::Series machine_series(unsigned long long seed) {
    stream::MachineOptions options;
    options.start = *parse_rfc3339("2026-03-01T00:00:00Z");
    options.step = std::chrono::minutes(30);
    options.fault_at = std::chrono::hours(24 * 14);
    stream::SimulatedMachine machine(options, Rng(seed));
    stream::Series series;
    for (int i = 0; i < 48 * 15; ++i) {
        const stream::MachineReading reading = machine.next();
        series.push_back({reading.time, reading.temperature_c});
    }
    return series;
}

struct Windows {
    std::vector<float> values;
    std::vector<std::int64_t> times_ms;
    std::vector<double> scores;
};

Windows all_windows(const stream::Series& series, const stream::Detector& detector) {
    Windows all;
    stream::for_each_window(
        series, {kWindow, detector.step}, [&](std::span<const double> values, Instant time) {
            all.values.insert(all.values.end(), values.begin(), values.end());
            all.times_ms.push_back(
                std::chrono::floor<std::chrono::milliseconds>(time).time_since_epoch().count());
            all.scores.push_back(judge(detector, values, time).score());
        });
    return all;
}

Result<std::vector<Tensor>> run_model(ByteView model, const std::string& device,
                                      const Windows& windows, bool seasonal) {
    graph::Graph graph = HF_TRY(graph::load(model, graph::no_external_data()));
    runtime::CompileOptions options;
    options.device = device;
    const auto compiled = HF_TRY(runtime::compile(std::move(graph), options, nullptr));
    const auto session = HF_TRY(compiled->new_session());
    const auto count = static_cast<std::int64_t>(windows.scores.size());
    std::vector<Tensor> inputs{Tensor::of<float>(
        DType::kF32, {count, static_cast<std::int64_t>(kWindow)}, std::span(windows.values))};
    if (seasonal) {
        inputs.push_back(
            Tensor::of<std::int64_t>(DType::kI64, {count}, std::span(windows.times_ms)));
    }
    return session->run(inputs);
}

TEST(DetectorModel, ScoresAsTheDetectorDoes) {
    const stream::Series series = machine_series(testing::seed());
    const stream::Series training(series.begin(), series.begin() + 48 * 14);
    for (const std::size_t period : {std::size_t{0}, std::size_t{48}}) {
        for (const std::string device : {"ref", "auto"}) {
            SCOPED_TRACE(fmt::format("period {} on {}", period, device));
            stream::DetectorOptions options;
            options.window = kWindow;
            options.period = period;
            const Result<stream::Detector> detector = fit_detector(training, options);
            ASSERT_TRUE(detector.ok()) << detector.status().to_string();
            const Result<graph::Graph> graph = detector_graph(*detector);
            ASSERT_TRUE(graph.ok()) << graph.status().to_string();
            const Bytes model = *graph::onnx::export_model(*graph);
            const Windows windows = all_windows(series, *detector);
            const auto outputs = run_model(model, device, windows, period > 0);
            ASSERT_TRUE(outputs.ok()) << outputs.status().to_string();
            const auto scores = outputs->at(0).values<float>();
            const auto alerts = outputs->at(1).values<std::uint8_t>();
            int alerted = 0;
            for (std::size_t i = 0; i < scores.size(); ++i) {
                EXPECT_NEAR(scores[i], windows.scores[i], 1e-3 * windows.scores[i] + 1e-4);
                EXPECT_EQ(alerts[i] != 0, scores[i] > 1);
                alerted += alerts[i];
            }
            EXPECT_GT(alerted, 20) << "the fault is in the series";
            EXPECT_LT(alerted, 300) << "most of the series is healthy";
        }
    }
}

TEST(DetectorModel, APeriodNeedsWholeMilliseconds) {
    stream::Series series = machine_series(1);
    for (std::size_t i = 0; i < series.size(); ++i) {
        series[i].time = series[0].time + Duration(1'500'000) * static_cast<std::int64_t>(i);
    }
    stream::DetectorOptions options;
    options.period = 48;
    const Result<stream::Detector> detector = fit_detector(series, options);
    ASSERT_TRUE(detector.ok());
    EXPECT_EQ(detector_graph(*detector).status().to_string(),
              "INVALID_ARGUMENT: samples 1500us apart: a period needs steps of whole milliseconds");
}

}  // namespace
}  // namespace hf
