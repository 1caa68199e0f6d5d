// The feed of a copy: what has gone astray is found and put right.

#include "store/etcd/feed.h"

#include <gtest/gtest.h>

#include "store/etcd.h"
#include "store/etcd/messages.h"
#include "testing/etcd_cluster.h"
#include "testing/real_clock.h"

namespace hf::store::etcd {
namespace {

using namespace std::chrono_literals;

class EtcdFeed : public ::testing::Test {
protected:
    void SetUp() override {
        if (!testing::EtcdCluster::installed()) {
            GTEST_SKIP() << "etcd is not installed (Debian package etcd-server)";
        }
        cluster_ = std::make_unique<testing::EtcdCluster>();
        const EtcdAddress address = parse_etcd_address(cluster_->url()).value();
        store_ = open_etcd_store({address, {}, {}, {}}, clock_).value();
        members_ = Members::create({address.endpoints, false, {}, {}, {}}, clock_).value();
        at_ = store_->commit({{}, {{"a", "1", {}}, {"b", "1", {}}}, {}}).value();
        feed_ = std::make_unique<Feed>(*members_, cache_, clock_, address.prefix);
        ASSERT_TRUE(feed_->start().ok());
        ASSERT_EQ(cache_.revision(), at_);
    }

    // A watch that is there now, and what it says next.
    std::unique_ptr<Watch> watch() {
        Cache::Start start{"", cache_.revision(), {}, Revision{0}, nullptr};
        return cache_.open(start);
    }

    testing::RealClock clock_;
    std::unique_ptr<testing::EtcdCluster> cluster_;
    std::unique_ptr<Store> store_;
    std::unique_ptr<Members> members_;
    Cache cache_;
    std::unique_ptr<Feed> feed_;
    Revision at_;
};

TEST_F(EtcdFeed, FindsWhatItsWatchHasLost) {
    EXPECT_TRUE(*feed_->compare());
    cache_.load({{"a", "1", at_, at_, {}}}, at_);  // as if the event of b had been lost
    const auto open = watch();
    EXPECT_FALSE(*feed_->compare());
    EXPECT_EQ(open->next(20s).status().code(), Code::kOutOfRange) << "its owner lists again";
    EXPECT_TRUE(cache_.wait_for(at_, 20s));
    EXPECT_TRUE(cache_.get("b").ok());
    EXPECT_TRUE(*feed_->compare());
}

TEST_F(EtcdFeed, GoesBackWithAnEtcdThatWasPutBack) {
    cache_.load({{"future", "1", Revision{900}, Revision{900}, {}}}, Revision{1000});
    const auto open = watch();
    EXPECT_EQ(open->next(20s).status().code(), Code::kOutOfRange);
    EXPECT_TRUE(cache_.wait_for(at_, 20s));
    EXPECT_EQ(cache_.revision(), at_);
    EXPECT_EQ(cache_.get("future").status().code(), Code::kNotFound);
    const Revision next = store_->commit({{}, {{"c", "1", {}}}, {}}).value();
    EXPECT_TRUE(cache_.wait_for(next, 20s)) << "and is fed from there";
}

}  // namespace
}  // namespace hf::store::etcd
