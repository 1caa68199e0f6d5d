// etcd's messages as values: what is asked, and what is made of answers, good and hostile.

#include "store/etcd/messages.h"

#include <gtest/gtest.h>

#include "store/etcd/address.h"

namespace hf::store::etcd {
namespace {

constexpr std::string_view kPrefix = "/p/";

TEST(EtcdAddress, TakesWhatNamesMembersAndAPrefix) {
    const EtcdAddress one = parse_etcd_address("etcd://127.0.0.1:2379").value();
    EXPECT_EQ(one, (EtcdAddress{{"127.0.0.1:2379"}, "/holdfast/"}));
    EXPECT_TRUE(one.is_loopback());
    const EtcdAddress three = parse_etcd_address("etcd://a:1,b:2,[::1]:3/x/y/").value();
    EXPECT_EQ(three, (EtcdAddress{{"a:1", "b:2", "[::1]:3"}, "/x/y/"}));
    EXPECT_FALSE(three.is_loopback());
    EXPECT_FALSE(parse_etcd_address("etcd://127.0.0.1.example.com:1")->is_loopback());
}

TEST(EtcdAddress, RefusesTheRest) {
    const std::string longest(kMaxEtcdPrefixBytes + 1, 'a');
    std::string many = "etcd://h:1";
    for (std::size_t i = 2; i <= kMaxEtcdEndpoints + 1; ++i) many += fmt::format(",h:{}", i);
    for (const std::string& text :
         {std::string(), std::string("etcd:"), std::string("etcd://"), std::string("etcd://h"),
          std::string("etcd://h:0"), std::string("etcd://h:65536"), std::string("etcd://h:1,"),
          std::string("etcd://:1"), std::string("etcd://h:1,h:1"), std::string("etcd://u@h:1"),
          std::string("etcd://h:1/a b"), std::string("http://h:1"), std::string("etcd://[::1]"),
          std::string("etcd://h:1?x"), "etcd://h:1/" + longest, many}) {
        EXPECT_EQ(parse_etcd_address(text).status().code(), Code::kInvalidArgument) << text;
    }
}

TEST(EtcdMessages, AskInTheirWords) {
    const Transaction transaction{
        {{"a", Revision{4}}, {"b", Revision{0}}}, {{"a", "1", LeaseId{7}}}, {"c"}};
    EXPECT_EQ(
        json::write(transaction_request(transaction, kPrefix)),
        R"({"compare":[{"target":"MOD","result":"EQUAL","key":"L3AvYQ==","mod_revision":"5"},)"
        R"({"target":"MOD","result":"EQUAL","key":"L3AvYg==","mod_revision":"0"}],)"
        R"("success":[{"request_put":{"key":"L3AvYQ==","value":"MQ==","lease":"7"}},)"
        R"({"request_delete_range":{"key":"L3AvYw=="}}],)"
        R"("failure":[{"request_range":{"key":"L3AvYQ=="}},)"
        R"({"request_range":{"key":"L3AvYg=="}}]})");
    EXPECT_EQ(json::write(watch_request(kPrefix, Revision{0}, false)),
              R"({"create_request":{"key":"L3Av","range_end":"L3Aw","start_revision":"2",)"
              R"("progress_notify":true}})");
}

TEST(EtcdMessages, BoundsATransactionAsEtcdDoes) {
    Transaction two;
    two.puts.push_back({"a", std::string(kMaxValueBytes, 'v'), {}});
    EXPECT_TRUE(check_size(two, kPrefix).ok());
    two.puts.push_back({"b", std::string(kMaxValueBytes / 2, 'v'), {}});
    EXPECT_EQ(check_size(two, kPrefix).code(), Code::kResourceExhausted);
}

TEST(EtcdMessages, AnswersThatAreNoneAreRefused) {
    for (const std::string_view text :
         {"{}", R"({"header":{"revision":"x"}})", R"({"header":{"revision":"2"},"kvs":[{}]})",
          R"({"header":{"revision":"2"},"kvs":[{"key":"!"}]})",
          R"({"header":{"revision":"2"},"kvs":[{"key":"L3EvYQ=="}]})",
          R"({"header":{"revision":"2"},"kvs":[{"key":"L3AvYQ==","value":"="}]})"}) {
        const json::Value answer = json::parse(text).value();
        EXPECT_EQ(parse_range(answer, kPrefix).status().code(), Code::kDataLoss) << text;
    }
    for (const std::string_view text :
         {"", "x", "{}", R"({"error":{"message":"gone"}})", R"({"result":{"events":[{}]}})",
          R"({"result":{"events":[{"kv":{"key":"L3E="}}]}})"}) {
        EXPECT_FALSE(parse_watch(text, kPrefix).ok()) << text;
    }
}

TEST(EtcdMessages, WatchesSayWhatHappened) {
    const WatchMessage message =
        parse_watch(R"({"result":{"header":{"revision":"9"},"events":[)"
                    R"({"kv":{"key":"L3AvYQ==","create_revision":"3","mod_revision":"9",)"
                    R"("value":"MQ==","lease":"-5"}},)"
                    R"({"type":"DELETE","kv":{"key":"L3AvYg==","mod_revision":"9"}}]}})",
                    kPrefix)
            .value();
    EXPECT_EQ(message.revision, Revision{8});
    ASSERT_EQ(message.events.size(), 2u);
    EXPECT_EQ(message.events[0].now.key, "a");
    EXPECT_EQ(message.events[0].now.created, Revision{2});
    EXPECT_EQ(message.events[0].now.lease, LeaseId{-5});
    EXPECT_EQ(message.events[1].kind, Event::Kind::kRemove);
    const WatchMessage ended =
        parse_watch(R"({"result":{"canceled":true,"compact_revision":"5"}})", kPrefix).value();
    EXPECT_TRUE(ended.cancelled);
    EXPECT_EQ(ended.compacted, Revision{4});
}

TEST(EtcdMessages, RefusalsKeepTheirCode) {
    EXPECT_EQ(refusal(400, R"({"message":"mvcc: required revision has been compacted","code":11})")
                  .code(),
              Code::kOutOfRange);
    EXPECT_EQ(refusal(503, R"({"error":"etcdserver: no leader","code":14})").code(),
              Code::kUnavailable);
    EXPECT_EQ(
        refusal(429, R"({"message":"etcdserver: mvcc: database space exceeded","code":8})").code(),
        Code::kResourceExhausted);
    for (const std::string_view body : {"<html>", "{}", R"({"code":0})", R"({"code":99})"}) {
        EXPECT_EQ(refusal(404, body).code(), Code::kUnavailable) << body;
    }
}

TEST(EtcdMessages, SayWhetherALostWriteHappened) {
    const Transaction wrote{{{"a", Revision{3}}}, {{"a", "1", {}}, {"b", "2", {}}}, {"c"}};
    const auto read = [](std::string_view a, int a_at, std::string_view b, int b_at) {
        TransactionAnswer answer;
        answer.compared = {KeyValue{"a", std::string(a), Revision{1}, Revision{a_at}, {}},
                           KeyValue{"b", std::string(b), Revision{1}, Revision{b_at}, {}},
                           std::nullopt};
        return answer;
    };
    EXPECT_EQ(happened_at(wrote, read("1", 5, "2", 5), Revision{4}), Revision{5});
    EXPECT_EQ(happened_at(wrote, read("1", 5, "2", 6), Revision{4}), std::nullopt);
    EXPECT_EQ(happened_at(wrote, read("1", 5, "x", 5), Revision{4}), std::nullopt);
    EXPECT_EQ(happened_at(wrote, read("1", 4, "2", 4), Revision{4}), std::nullopt)
        << "the same was there before";
    TransactionAnswer still = read("1", 5, "2", 5);
    still.compared.back() = KeyValue{"c", "", Revision{1}, Revision{1}, {}};
    EXPECT_EQ(happened_at(wrote, still, Revision{4}), std::nullopt) << "what it removes is there";
    EXPECT_EQ(happened_at(wrote, {}, Revision{4}), std::nullopt);
}

}  // namespace
}  // namespace hf::store::etcd
