#include "stream/simulated_machine.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/check.h"

namespace hf::stream {
namespace {

double hours(Duration duration) {
    return std::chrono::duration<double, std::ratio<3600>>(duration).count();
}

double hour_of_day(Instant time) {
    return std::fmod(hours(time.time_since_epoch()), 24);
}

// 0.55 at night, 1 in the day shift, an hour to change.
double load_at(Instant time) {
    const double hour = hour_of_day(time);
    const double up = 1 / (1 + std::exp(-8 * (hour - 6)));
    const double down = 1 / (1 + std::exp(-8 * (hour - 22)));
    return 0.55 + 0.45 * (up - down);
}

double hall_celsius(Instant time) {
    const double angle = 2 * std::numbers::pi * (hour_of_day(time) - 9) / 24;
    return 21 + 3 * std::sin(angle);
}

}  // namespace

SimulatedMachine::SimulatedMachine(const MachineOptions& options, Rng rng)
    : options_(options), rng_(rng), now_(options.start) {
    HF_CHECK(options.step > Duration::zero() && options.fault_growth > Duration::zero());
    temperature_c_ = hall_celsius(now_) + 28 * load_at(now_);
}

double SimulatedMachine::severity_at(Instant time) const {
    const Duration running = time - options_.start;
    if (running < options_.fault_at) return 0;
    constexpr double kSteepness = 4;
    const double share = hours(running - options_.fault_at) / hours(options_.fault_growth);
    return std::min(1.0, std::expm1(kSteepness * std::min(share, 1.0)) / std::expm1(kSteepness));
}

MachineReading SimulatedMachine::next() {
    const double load = load_at(now_);
    const double severity = severity_at(now_);
    const double step_hours = hours(options_.step);

    // An Ornstein-Uhlenbeck process with six hours of memory and unit variance.
    const double kept = std::exp(-step_hours / 6);
    drift_ = kept * drift_ + std::sqrt(1 - kept * kept) * rng_.normal();

    double vibration = 1.2 + 0.9 * load + 0.08 * drift_ + (0.06 + 0.5 * severity) * rng_.normal();
    if (rng_.uniform() < 0.6 * severity) vibration += 4 * severity * (0.5 + rng_.uniform());
    vibration += 3.5 * severity;

    // First-order: the bearing follows where load and friction would take it in about an hour.
    const double target = hall_celsius(now_) + 28 * load + 1.2 * drift_ + 32 * severity;
    const double share = 1 - std::exp(-step_hours / 1.2);
    temperature_c_ += share * (target - temperature_c_);

    const MachineReading reading{now_, std::max(vibration, 0.0),
                                 temperature_c_ + 0.25 * rng_.normal(), severity};
    now_ += options_.step;
    return reading;
}

}  // namespace hf::stream
