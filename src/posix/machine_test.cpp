#include "posix/machine.h"

#include <gtest/gtest.h>

#include <thread>

namespace hf::posix {
namespace {

TEST(Machine, TellsWhatTheKernelTells) {
    const env::Machine machine = describe_machine();
    EXPECT_FALSE(machine.host_name.empty());
    EXPECT_FALSE(machine.architecture.empty());
    EXPECT_GE(machine.cpus, 1);
    EXPECT_LE(machine.cpus, static_cast<std::int64_t>(std::thread::hardware_concurrency()));
    EXPECT_GT(machine.memory_bytes, 64 << 20);
}

}  // namespace
}  // namespace hf::posix
