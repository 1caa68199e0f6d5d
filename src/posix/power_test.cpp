// Energy counters as Linux shows them, in a folder of the test's making.

#include "posix/power.h"

#include <gtest/gtest.h>

#include "posix/files.h"
#include "testing/temp_dir.h"

namespace hf::posix {
namespace {

class PowerTest : public ::testing::Test {
protected:
    void set(const std::string& zone, std::string_view file, std::string_view text) {
        ASSERT_TRUE(files_.create_directories(dir_ / zone).ok());
        ASSERT_TRUE(files_.write(dir_ / zone + "/" + std::string(file), as_bytes(text)).ok());
    }
    RealFiles files_;
    testing::TempDir dir_;
};

TEST_F(PowerTest, PackagesAreAddedUpAndCountersStartAgain) {
    set("intel-rapl:0", "energy_uj", "900\n");
    set("intel-rapl:0", "max_energy_range_uj", "1000\n");
    set("intel-rapl:1", "energy_uj", "5\n");
    set("intel-rapl:1", "max_energy_range_uj", "1000\n");
    set("intel-rapl:0:0", "energy_uj", "7\n");  // the package's cores
    const auto meter = open_power_meter(dir_ / ".").value();
    EXPECT_EQ(meter->name(), "rapl");
    EXPECT_EQ(meter->used_microjoules().value(), 0u);
    set("intel-rapl:0", "energy_uj", "950\n");
    set("intel-rapl:1", "energy_uj", "25\n");
    set("intel-rapl:0:0", "energy_uj", "57\n");
    EXPECT_EQ(meter->used_microjoules().value(), 70u);
    set("intel-rapl:0", "energy_uj", "30\n");
    EXPECT_EQ(meter->used_microjoules().value(), 70u + 80u);
}

TEST_F(PowerTest, WithoutACounterThatCanBeReadThereIsNoMeter) {
    EXPECT_EQ(open_power_meter(dir_ / "nothing").status().code(), Code::kNotFound);
    EXPECT_EQ(open_power_meter(dir_ / ".").status().code(), Code::kNotFound);
    set("intel-rapl:0", "energy_uj", "many\n");
    EXPECT_EQ(open_power_meter(dir_ / ".").status().code(), Code::kNotFound);
    set("intel-rapl:0", "energy_uj", "1\n");
    const auto meter = open_power_meter(dir_ / ".").value();
    ASSERT_TRUE(files_.remove(dir_ / "intel-rapl:0/energy_uj").ok());
    EXPECT_FALSE(meter->used_microjoules().ok());
}

}  // namespace
}  // namespace hf::posix
