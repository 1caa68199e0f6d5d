#include "cli/up/api_connections.h"

#include <gtest/gtest.h>

namespace hf::cli {
namespace {

TEST(ApiConnections, LeavesFilesForTheRest) {
    EXPECT_EQ(api_connections(20'000, false), 20'000 - 128);
    EXPECT_EQ(api_connections(20'000, true), 20'000 - 128 - 4096);
}

TEST(ApiConnections, TakesHalfWhereFilesAreFew) {
    EXPECT_EQ(api_connections(200, false), 100);
    EXPECT_EQ(api_connections(1024, true), 512);
}

TEST(ApiConnections, AreBoundedWhateverIsAllowed) {
    EXPECT_EQ(api_connections(1'048'576, true), kMaxApiConnections);
}

}  // namespace
}  // namespace hf::cli
