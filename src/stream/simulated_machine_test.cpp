#include "stream/simulated_machine.h"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "stream/alerts.h"
#include "stream/detector.h"
#include "testing/script.h"

namespace hf::stream {
namespace {

std::vector<MachineReading> readings(std::size_t count, MachineOptions options,
                                     unsigned long long seed) {
    options.start = *parse_rfc3339("2026-01-01T00:00:00Z");
    SimulatedMachine machine(options, Rng(seed));
    std::vector<MachineReading> list;
    while (list.size() < count) list.push_back(machine.next());
    return list;
}

TEST(SimulatedMachine, SameSeedSameMachine) {
    const auto a = readings(100, {}, 7);
    const auto b = readings(100, {}, 7);
    const auto c = readings(100, {}, 8);
    EXPECT_EQ(a.back().vibration_mm_s, b.back().vibration_mm_s);
    EXPECT_EQ(a.back().temperature_c, b.back().temperature_c);
    EXPECT_NE(a.back().vibration_mm_s, c.back().vibration_mm_s);
}

TEST(SimulatedMachine, IsFineUntilTheFaultAndDamagedAfterIt) {
    MachineOptions options;
    options.fault_at = std::chrono::hours(48);
    const auto list = readings(12 * 96, options, testing::seed());
    for (const MachineReading& reading : list) {
        const Duration running = reading.time - list.front().time;
        if (running < options.fault_at) {
            EXPECT_EQ(reading.severity, 0);
            EXPECT_LT(reading.vibration_mm_s, 2.8);
            EXPECT_GT(reading.vibration_mm_s, 0.8);
            EXPECT_LT(reading.temperature_c, 60);
        } else if (running > options.fault_at + options.fault_growth) {
            EXPECT_EQ(reading.severity, 1);
        }
    }
    double last_day = 0;
    for (std::size_t i = list.size() - 288; i < list.size(); ++i) {
        last_day += list[i].vibration_mm_s / 288;
    }
    EXPECT_GT(last_day, 4.5);
}

TEST(SimulatedMachine, TheDetectorFindsTheFaultBeforeItIsGrownAndRarelyAnythingElse) {
    for (unsigned long long seed = 1; seed <= 5; ++seed) {
        MachineOptions options;
        options.fault_at = std::chrono::hours(24 * 21);
        const auto list = readings(12 * 24 * 22, options, seed);
        Series series;
        for (const MachineReading& reading : list) {
            series.push_back({reading.time, reading.vibration_mm_s});
        }
        const Series training(series.begin(), series.begin() + 12 * 24 * 14);
        const Result<Detector> detector = fit_detector(training, {});
        ASSERT_TRUE(detector.ok()) << detector.status().to_string();
        int false_alerts = 0;
        double severity_at_alert = 2;
        AlertTracker tracker({});
        std::size_t row = 0;
        for_each_window(series, {48, detector->step}, [&](std::span<const double> w, Instant time) {
            while (list[row].time < time) ++row;
            if (time <= training.back().time) return;
            const double score = judge(*detector, w, time).score();
            if (tracker.observe(time, score) != AlertTracker::Event::kOpened) return;
            if (list[row].severity == 0) {
                ++false_alerts;
            } else {
                severity_at_alert = std::min(severity_at_alert, list[row].severity);
            }
        });
        EXPECT_LE(false_alerts, 3) << "in a week, seed " << seed;
        EXPECT_LT(severity_at_alert, 0.3) << "seed " << seed;
    }
}

}  // namespace
}  // namespace hf::stream
