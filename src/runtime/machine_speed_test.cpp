// What a measurement of the machine says is positive, of the right size, and over in time.

#include "runtime/machine_speed.h"

#include <gtest/gtest.h>

#include "testing/manual_clock.h"
#include "testing/real_clock.h"

namespace hf::runtime {
namespace {

// Every look at it finds that a millisecond has passed.
class TickingClock final : public env::Clock {
public:
    Instant now() const override { return Instant(monotonic()); }
    Duration monotonic() const override { return std::chrono::milliseconds(++looks_); }
    Duration thread_cpu() const override { return monotonic(); }

private:
    mutable int looks_ = 0;
};

TEST(MachineSpeed, CountsTwoOperationsAMultiplyAddAndBothWaysOfACopy) {
    const TickingClock clock;
    const MachineSpeed speed = measure_speed(clock, {std::chrono::milliseconds(20), 1u << 20});
    // A try takes a millisecond of this clock.
    EXPECT_EQ(speed.f32_megaops, 2 * 128 * 128 * 256 / 1000);
    EXPECT_EQ(speed.i8_megaops, speed.f32_megaops);
    EXPECT_EQ(speed.copy_megabytes, 2 * (1 << 20) / 1000);
}

TEST(MachineSpeed, EndsAlsoByAClockThatStandsStill) {
    const testing::ManualClock clock;
    const MachineSpeed speed = measure_speed(clock, {std::chrono::nanoseconds(0), 4096});
    EXPECT_GT(speed.f32_megaops, 0);
}

TEST(MachineSpeed, IsThatOfARealMachine) {
    const testing::RealClock clock;
    const MachineSpeed speed = measure_speed(clock, {std::chrono::milliseconds(5), 1u << 20});
    EXPECT_GT(speed.f32_megaops, 10);
    EXPECT_GT(speed.i8_megaops, 10);
    EXPECT_GT(speed.copy_megabytes, 10);
}

}  // namespace
}  // namespace hf::runtime
