#include "node/mail.h"

#include <gtest/gtest.h>

#include "testing/memory_files.h"

namespace hf::node {
namespace {

using namespace std::chrono_literals;

constexpr Instant kNow{1'000'000s};

class MailTest : public ::testing::Test {
protected:
    void tell(const std::string& message, bool warning = false) {
        ASSERT_TRUE(mail_.tell({"default/pump", "u", warning, "Pulled", message}, kNow).ok());
    }
    // What goes next: "beat", "status" or the event's message.
    std::string go(const Status& sent) {
        Mail::Outgoing outgoing = mail_.take(kNow, at_);
        std::string what = "beat";
        if (outgoing.status) what = "status";
        if (outgoing.event) what = outgoing.event->message;
        mail_.settle(std::move(outgoing), sent);
        return what;
    }

    testing::MemoryFiles files_;
    std::unique_ptr<Outbox> outbox_ = Outbox::open(files_, "/outbox", {}).value();
    Mail mail_{*outbox_, {}};
    Duration at_{};
};

TEST_F(MailTest, TheStatusThenWarningsThenTheRestThenHeartbeats) {
    mail_.reached();
    tell("a");
    tell("b", true);
    mail_.publish({});
    EXPECT_TRUE(mail_.ready());
    for (const char* what : {"beat", "status", "b", "a"}) EXPECT_EQ(go({}), what);
    EXPECT_FALSE(mail_.ready());
    EXPECT_EQ(mail_.patience(), 500ms);
    at_ += 500ms;
    EXPECT_EQ(go({}), "beat");
}

// A machine that comes back with much to tell is not taken for lost while it tells.
TEST_F(MailTest, HeartbeatsDoNotWaitForABacklog) {
    mail_.reached();
    for (int i = 0; i < 100; ++i) tell(std::to_string(i));
    Duration beaten{};
    for (int i = 0; i < 100; ++i) {
        if (go({}) == "beat") beaten = at_;
        at_ += 100ms;
        EXPECT_LE(at_ - beaten, 600ms);
    }
}

TEST_F(MailTest, WhatFailsIsTriedAgainAfterAPauseOrWhenReached) {
    mail_.reached();
    tell("a");
    EXPECT_EQ(go({}), "beat");
    EXPECT_EQ(go(unavailable("down")), "a");
    EXPECT_FALSE(mail_.ready());
    EXPECT_GE(mail_.patience(), kLinkRetryFirst / 2);
    for (int i = 0; i < 20; ++i) EXPECT_EQ(go(unavailable("down")), "a");
    EXPECT_GE(mail_.patience(), kLinkRetryMost / 2);
    EXPECT_LE(mail_.patience(), kLinkRetryMost);
    mail_.reached();
    EXPECT_TRUE(mail_.ready());
    EXPECT_EQ(go({}), "a");
    EXPECT_EQ(mail_.account().outbox.acknowledged, 1u);
}

TEST_F(MailTest, AFinalRefusalIsAnEndAndALaterStatusReplacesAFailedOne) {
    mail_.reached();
    tell("a");
    EXPECT_EQ(go({}), "beat");
    EXPECT_EQ(go(permission_denied("not ordered")), "a");
    EXPECT_EQ(mail_.account().waiting, 0u);
    mail_.publish({{"n", 1}});
    Mail::Outgoing outgoing = mail_.take(kNow, at_);
    mail_.publish({{"n", 2}});
    mail_.settle(std::move(outgoing), unavailable("down"));
    EXPECT_EQ(mail_.take_status(), (json::Object{{"n", 2}}));
}

TEST_F(MailTest, NothingGoesBeforeTheNodeIsKnown) {
    tell("a");
    EXPECT_FALSE(mail_.ready());
    mail_.reached();
    EXPECT_TRUE(mail_.ready());
}

}  // namespace
}  // namespace hf::node
