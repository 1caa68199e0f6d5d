#include "runtime/executable.h"

#include <gtest/gtest.h>

#include "runtime/plan_file.h"

namespace hf::runtime {
namespace {

const Bytes kRunner = to_bytes(
    "\x7f"
    "ELF, and so on");
const Bytes kPlan = to_bytes("HFPLAN and so on");

TEST(Executable, GivesBackThePlanOnItsOwnPage) {
    const Bytes file = make_executable(kRunner, kPlan);
    EXPECT_TRUE(as_text(file).starts_with(as_text(kRunner)));
    const Result<ByteView> plan = plan_within(file);
    ASSERT_TRUE(plan.ok()) << plan.status().to_string();
    EXPECT_EQ(as_text(*plan), as_text(kPlan));
    EXPECT_EQ(static_cast<std::uint64_t>(plan->data() - file.data()) % kPlanPageBytes, 0u);
}

TEST(Executable, AProgramAloneHasNone) {
    EXPECT_EQ(plan_within(kRunner).status().code(), Code::kNotFound);
    EXPECT_EQ(plan_within({}).status().code(), Code::kNotFound);
}

TEST(Executable, ATailThatLiesIsRefused) {
    const Bytes whole = make_executable(kRunner, kPlan);
    const std::size_t tail = whole.size() - 24;
    for (std::size_t at = tail; at < tail + 16; ++at) {
        Bytes changed = whole;
        changed[at] ^= 0x41;
        EXPECT_EQ(plan_within(changed).status().code(), Code::kDataLoss) << at;
    }
    const Bytes shorter(whole.begin() + 1, whole.end());
    EXPECT_EQ(plan_within(shorter).status().code(), Code::kDataLoss);
    const Bytes bare(whole.end() - 8, whole.end());
    EXPECT_EQ(plan_within(bare).status().code(), Code::kDataLoss);
}

}  // namespace
}  // namespace hf::runtime
