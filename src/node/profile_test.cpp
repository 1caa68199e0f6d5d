// A machine's profile: measured once, kept, measured again when it must be; what is not measured is
// not there.

#include "node/profile.h"

#include <gtest/gtest.h>

#include "testing/manual_clock.h"
#include "testing/memory_files.h"

namespace hf::node {
namespace {

using namespace std::chrono_literals;

// Stands still between two tries of a measurement, and goes on by `step` at each look.
class SteppingClock final : public env::Clock {
public:
    explicit SteppingClock(Duration step) : step_(step) {}
    Instant now() const override { return Instant(std::chrono::seconds(1'800'000'000)); }
    Duration monotonic() const override { return passed_ += step_; }
    Duration thread_cpu() const override { return passed_; }
    mutable Duration passed_{};

private:
    const Duration step_;
};

// 20 W, by the clock's time.
class Meter final : public env::PowerMeter {
public:
    explicit Meter(const SteppingClock& clock) : clock_(clock) {}
    std::string name() const override { return "rapl"; }
    Result<std::uint64_t> used_microjoules() override {
        if (broken) return unavailable("no counter any more");
        return static_cast<std::uint64_t>(clock_.passed_ / 1us) * 20;
    }
    bool broken = false;

private:
    const SteppingClock& clock_;
};

class ProfileTest : public ::testing::Test {
protected:
    Profile profile(bool anew = false) {
        ProfileOptions options;
        options.path = "/d/profile.json";
        options.anew = anew;
        options.speed = {1us, 4096};
        return measured_profile({files_, clock_, meter_}, key_, options);
    }
    void SetUp() override { ASSERT_TRUE(files_.create_directories("/d").ok()); }
    // The clock goes on only while something is measured.
    bool measures(bool anew = false) {
        const Duration before = clock_.passed_;
        profile(anew);
        return clock_.passed_ > before;
    }

    testing::MemoryFiles files_;
    SteppingClock clock_{1ms};
    Meter real_meter_{clock_};
    env::PowerMeter* meter_ = nullptr;
    ProfileKey key_{"Model of 2026", 4, "0.1.0"};
};

TEST_F(ProfileTest, IsMeasuredOnceForAProcessorAndAVersion) {
    const Profile first = profile();
    EXPECT_GT(first.speed.f32_megaops, 0);
    EXPECT_EQ(first.key, key_);
    EXPECT_FALSE(measures());
    EXPECT_EQ(profile(), first);
    key_.processor = "Model of 2027";
    EXPECT_TRUE(measures());
    EXPECT_FALSE(measures());
    key_.version = "0.2.0";
    EXPECT_TRUE(measures());
    key_.cpus = 8;
    EXPECT_TRUE(measures());
    EXPECT_TRUE(measures(true)) << "somebody asked";
    EXPECT_FALSE(measures());
}

TEST_F(ProfileTest, AFileThatIsDamagedOrCannotBeKeptCostsAMeasurement) {
    EXPECT_TRUE(measures());
    files_.overwrite("/d/profile.json", to_bytes("{\"how\": \"meas"));
    EXPECT_TRUE(measures());
    files_.overwrite("/d/profile.json", to_bytes("{}"));
    files_.fill_after(0);
    EXPECT_TRUE(measures());
    EXPECT_TRUE(measures()) << "it could not be kept";
    EXPECT_FALSE(measures());
}

TEST_F(ProfileTest, PowerIsThereOnlyWhereAMeterMeasuredIt) {
    EXPECT_FALSE(profile().milliwatts);
    EXPECT_FALSE(json::Value(profile_status(profile())).as_object().contains("milliwatts"));
    meter_ = &real_meter_;
    const Profile metered = profile(true);
    ASSERT_TRUE(metered.milliwatts);
    EXPECT_NEAR(static_cast<double>(*metered.milliwatts), 20'000, 4'000);
    EXPECT_EQ(metered.power_meter, "rapl");
    EXPECT_EQ(read_profile(write_profile(metered)).value(), metered);
    real_meter_.broken = true;
    EXPECT_FALSE(profile(true).milliwatts);
}

TEST_F(ProfileTest, SaysThatItWasMeasuredAndWhen) {
    const json::Object status = profile_status(profile());
    EXPECT_EQ(json::get_string(json::Value(status), "how"), "measured");
    EXPECT_EQ(json::get_string(json::Value(status), "measuredTime"), "2027-01-15T08:00:00Z");
    const Status missing = read_profile(R"({"processor":"x","cpus":1,"version":"1"})").status();
    EXPECT_EQ(missing.message(), "float32MegaopsPerSecond is missing or no count");
}

}  // namespace
}  // namespace hf::node
