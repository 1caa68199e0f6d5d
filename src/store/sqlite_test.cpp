#include "store/sqlite.h"

#include <gtest/gtest.h>

#include <fstream>

#include "testing/manual_clock.h"
#include "testing/temp_dir.h"

namespace hf::store {
namespace {

using namespace std::chrono_literals;

TEST(SqliteStore, KeepsEverythingAcrossARestart) {
    testing::TempDir folder;
    testing::ManualClock clock;
    LeaseId lease;
    {
        const auto store = open_sqlite_store(folder / "s.db", clock).value();
        lease = store->grant(10s).value();
        ASSERT_TRUE(store->commit({{}, {{"a", "1", {}}, {"b", "1", lease}}, {}}).ok());
        ASSERT_TRUE(store->commit({{}, {{"a", "2", {}}}, {}}).ok());
        ASSERT_TRUE(store->compact(Revision{1}).ok());
        clock.advance(9s);
    }
    const auto store = open_sqlite_store(folder / "s.db", clock).value();
    EXPECT_EQ(store->revision(), Revision{2});
    EXPECT_EQ(store->get("a")->value, "2");
    EXPECT_EQ(store->list("", {"", 0, Revision{1}})->items.size(), 2u);
    EXPECT_EQ(store->watch("", Revision{0}).status().code(), Code::kOutOfRange);
    clock.advance(9s);
    ASSERT_TRUE(store->expire_leases().ok());
    EXPECT_TRUE(store->get("b").ok()) << "a restart gives a lease its whole time again";
    clock.advance(2s);
    ASSERT_TRUE(store->expire_leases().ok());
    EXPECT_EQ(store->get("b").status().code(), Code::kNotFound);
}

TEST(SqliteStore, IsHeldByOneProcess) {
    testing::TempDir folder;
    testing::ManualClock clock;
    const auto store = open_sqlite_store(folder / "s.db", clock).value();
    const auto second = open_sqlite_store(folder / "s.db", clock);
    EXPECT_EQ(second.status().code(), Code::kUnavailable) << second.status().to_string();
}

TEST(SqliteStore, RefusesWhatIsNotItsDatabase) {
    testing::TempDir folder;
    testing::ManualClock clock;
    std::ofstream(folder / "text.db") << std::string(4096, 'x');
    const auto text = open_sqlite_store(folder / "text.db", clock);
    EXPECT_EQ(text.status().code(), Code::kDataLoss) << text.status().to_string();
    const auto nowhere = open_sqlite_store(folder / "no/such/folder.db", clock);
    EXPECT_EQ(nowhere.status().code(), Code::kPermissionDenied) << nowhere.status().to_string();
}

TEST(SqliteStore, RefusesANewerFormat) {
    testing::TempDir folder;
    testing::ManualClock clock;
    ASSERT_TRUE(open_sqlite_store(folder / "s.db", clock).ok());
    const std::string command =
        "python3 -c \"import sqlite3; c = sqlite3.connect('" + (folder / "s.db") +
        "'); c.execute(\\\"UPDATE meta SET value = 2 WHERE name = 'format'\\\"); c.commit()\"";
    ASSERT_EQ(std::system(command.c_str()), 0);
    const auto newer = open_sqlite_store(folder / "s.db", clock);
    EXPECT_EQ(newer.status().code(), Code::kFailedPrecondition) << newer.status().to_string();
}

}  // namespace
}  // namespace hf::store
