#include "cli/up/api_connections.h"

#include <gtest/gtest.h>

namespace hf::cli {
namespace {

TEST(ApiConnections, LeavesFilesForTheRest) {
    EXPECT_EQ(api_connections(20'000, false), 19'872u);
    EXPECT_EQ(api_connections(20'000, true), 15'776u);
}

TEST(ApiConnections, TakesHalfWhereFilesAreFew) {
    EXPECT_EQ(api_connections(200, false), 100u);
    EXPECT_EQ(api_connections(1024, true), 512u);
}

TEST(ApiConnections, AreBoundedWhateverIsAllowed) {
    EXPECT_EQ(api_connections(1'048'576, true), kMaxApiConnections);
}

}  // namespace
}  // namespace hf::cli
