// Moving a server's resources from one store to another: all of it or a clear refusal.

#include "cli/store_copy.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "control/apply/leadership.h"
#include "store/etcd.h"
#include "store/memory.h"
#include "store/sqlite.h"
#include "testing/etcd_cluster.h"
#include "testing/manual_clock.h"
#include "testing/real_clock.h"
#include "testing/script.h"
#include "testing/temp_dir.h"

namespace hf::cli {
namespace {

using namespace std::chrono_literals;

void fill(store::Store& store, std::size_t keys) {
    Rng rng(testing::seed());
    for (std::size_t i = 0; i < keys; ++i) {
        std::string value(rng.below(i % 50 == 0 ? 200'000 : 200), '\0');
        for (char& c : value) c = static_cast<char>(rng.below(256));
        const std::string key = fmt::format("/objects/{}{}", i, i % 7 == 0 ? "\xFF\x01" : "");
        ASSERT_TRUE(store.commit({{}, {{key, value, {}}}, {}}).ok());
    }
}

TEST(StoreCopy, CopiesAllButLeasedKeysAndComparesBoth) {
    testing::ManualClock clock;
    const auto from = store::make_memory_store(clock), to = store::make_memory_store(clock);
    fill(*from, 300);
    const store::LeaseId lease = from->grant(10s).value();
    ASSERT_TRUE(from->commit({{}, {{"/heard/n", "s", lease}}, {}}).ok());
    std::size_t told = 0;
    const StoreCopy copy =
        copy_store(*from, *to, [&](std::size_t done, std::size_t) { told = done; }).value();
    EXPECT_EQ(copy.contents.keys, 300u);
    EXPECT_EQ(copy.contents.leased, 1u);
    EXPECT_EQ(told, 300u);
    EXPECT_EQ(read_contents(*to)->digest, copy.contents.digest);
    EXPECT_EQ(to->get("/heard/n").status().code(), Code::kNotFound);
    EXPECT_TRUE(copy_store(*from, *to, nullptr)->was_there) << "twice is as once";
}

TEST(StoreCopy, RefusesATargetThatHoldsAnythingElse) {
    testing::ManualClock clock;
    const auto from = store::make_memory_store(clock);
    fill(*from, 3);
    for (const int change : {0, 1, 2}) {
        const auto to = store::make_memory_store(clock);
        if (change > 0) {
            ASSERT_TRUE(copy_store(*from, *to, nullptr).ok());
        }
        store::Transaction edit;
        if (change < 2) edit.puts.push_back({"/objects/1", "other", {}});
        if (change == 2) edit.removes.emplace_back("/objects/1");
        ASSERT_TRUE(to->commit(edit).ok());
        const StoreContents before = read_contents(*to).value();
        EXPECT_EQ(copy_store(*from, *to, nullptr).status().code(), Code::kFailedPrecondition);
        EXPECT_EQ(*read_contents(*to), before) << "nothing was changed";
    }
}

TEST(StoreCopy, RefusesWhileAServerWorks) {
    testing::ManualClock clock;
    const auto from = store::make_memory_store(clock), to = store::make_memory_store(clock);
    fill(*from, 1);
    const store::LeaseId lease = from->grant(control::kLeaderTerm).value();
    const std::string key(control::kLeaderKey);
    ASSERT_TRUE(from->commit({{}, {{key, "server", lease}}, {}}).ok());
    EXPECT_EQ(copy_store(*from, *to, nullptr, 10ms).status().code(), Code::kFailedPrecondition);
    EXPECT_EQ(copy_store(*to, *from, nullptr, 10ms).status().code(), Code::kFailedPrecondition);
    clock.advance(control::kLeaderTerm);
    EXPECT_TRUE(copy_store(*from, *to, nullptr, 10ms).ok()) << "it ended";
}

TEST(StoreCopy, GoesToEtcdAndBack) {
    if (!testing::EtcdCluster::installed()) GTEST_SKIP() << "etcd is not installed";
    testing::TempDir folder;
    testing::RealClock clock;
    testing::EtcdCluster cluster;
    const auto from = store::open_sqlite_store(folder / "a.db", clock).value();
    const auto etcd = store::open_etcd_store(
                          {store::parse_etcd_address(cluster.url()).value(), {}, {}, {}}, clock)
                          .value();
    const auto back = store::open_sqlite_store(folder / "b.db", clock).value();
    fill(*from, 700);
    ASSERT_TRUE(copy_store(*from, *etcd, nullptr).ok());
    ASSERT_TRUE(copy_store(*etcd, *back, nullptr).ok());
    EXPECT_EQ(read_contents(*back)->digest, read_contents(*from)->digest);
}

}  // namespace
}  // namespace hf::cli
