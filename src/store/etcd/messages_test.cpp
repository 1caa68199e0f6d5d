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

// A field of bytes, short: its number, its length, its content.
std::string field(int number, std::string_view content) {
    std::string text{static_cast<char>(number << 3 | 2), static_cast<char>(content.size())};
    text += content;
    return text;
}

// A field of a number from 0 to 127.
std::string field(int number, int value) {
    return {static_cast<char>(number << 3), static_cast<char>(value)};
}

// What every answer begins with.
std::string header(int revision) {
    return field(1, field(3, revision));
}

// The bytes were told by protoc --decode with etcd 3.4's rpc.proto.
TEST(EtcdMessages, AskInTheirWords) {
    const Transaction transaction{
        {{"a", Revision{4}}, {"b", Revision{0}}}, {{"a", "1", LeaseId{7}}}, {"c"}};
    const auto compare = [](std::string_view key, int revision) {
        std::string text = field(1, 0);  // EQUAL
        text += field(2, 2);             // MOD
        text += field(3, key);
        text += field(6, revision);
        return field(1, text);
    };
    std::string put = field(1, "/p/a");
    put += field(2, "1");
    put += field(3, 7);
    std::string want = compare("/p/a", 5);
    want += compare("/p/b", 0);
    want += field(2, field(2, put));
    want += field(2, field(3, field(1, "/p/c")));
    want += field(3, field(1, field(1, "/p/a")));
    want += field(3, field(1, field(1, "/p/b")));
    EXPECT_EQ(as_text(transaction_request(transaction, kPrefix)), want);
    std::string create = field(1, "/p/");
    create += field(2, "/p0");
    create += field(3, 2);
    create += field(4, 1);
    EXPECT_EQ(as_text(watch_request(kPrefix, Revision{0}, false)), field(1, create));
}

TEST(EtcdMessages, BoundsATransactionAsEtcdDoes) {
    Transaction two;
    two.puts.push_back({"a", std::string(kMaxValueBytes, 'v'), {}});
    EXPECT_TRUE(check_size(two, kPrefix).ok());
    two.puts.push_back({"b", std::string(kMaxValueBytes / 2, 'v'), {}});
    EXPECT_EQ(check_size(two, kPrefix).code(), Code::kResourceExhausted);
}

TEST(EtcdMessages, AnswersThatAreNoneAreRefused) {
    const std::string with_a = header(2) + field(2, field(1, "/p/a"));
    EXPECT_EQ(parse_range(as_bytes(with_a), kPrefix)->items.at(0).key, "a");
    for (const std::string& text :
         {std::string(), std::string("{}"), header(0), field(1, field(3, "x")),
          header(2) + field(2, ""), header(2) + field(2, field(1, "/q/a")), header(2) + field(2, 1),
          with_a + "\x12\x05/p", with_a + "\xff", with_a + "\x18"}) {
        EXPECT_EQ(parse_range(as_bytes(text), kPrefix).status().code(), Code::kDataLoss) << text;
        const bool good = text == header(2) + field(2, 1);  // one that succeeded
        EXPECT_EQ(parse_transaction(as_bytes(text), kPrefix).ok(), good) << text;
    }
    for (const std::string& text :
         {std::string("x"), field(11, ""), field(11, field(2, field(1, "/q"))), field(11, 1)}) {
        EXPECT_EQ(parse_watch(as_bytes(text), kPrefix).status().code(), Code::kDataLoss) << text;
    }
    EXPECT_EQ(header_revision(as_bytes("x")).status().code(), Code::kDataLoss);
    EXPECT_EQ(parse_lease(as_bytes("x")).status().code(), Code::kDataLoss);
}

TEST(EtcdMessages, TransactionsSayWhatTheyDid) {
    std::string answer = header(9);
    answer += field(2, 1);
    answer += field(3, field(2, header(9)));
    const TransactionAnswer put = parse_transaction(as_bytes(answer), kPrefix).value();
    EXPECT_TRUE(put.succeeded && put.changed);
    EXPECT_EQ(put.revision, Revision{8});
    answer = header(9);
    answer += field(2, 1);
    answer += field(3, field(3, header(9)));
    EXPECT_FALSE(parse_transaction(as_bytes(answer), kPrefix)->changed) << "nothing was there";
    answer += field(3, field(3, header(9) + field(2, 1)));
    EXPECT_TRUE(parse_transaction(as_bytes(answer), kPrefix)->changed);
    answer = header(9);
    answer += field(3, field(1, header(9)));
    answer += field(3, field(1, header(9) + field(2, field(1, "/p/b"))));
    const TransactionAnswer lost = parse_transaction(as_bytes(answer), kPrefix).value();
    EXPECT_FALSE(lost.succeeded);
    ASSERT_EQ(lost.compared.size(), 2u);
    EXPECT_FALSE(lost.compared[0]);
    EXPECT_EQ(lost.compared[1]->key, "b");
}

TEST(EtcdMessages, WatchesSayWhatHappened) {
    std::string put = field(1, "/p/a");
    put += field(2, 3);
    put += field(3, 9);
    put += field(5, "1");
    put += std::string("\x30\xfb\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11);  // lease -5
    std::string removed = field(1, 1);
    removed += field(2, field(1, "/p/b") + field(3, 9));
    std::string text = header(9);
    text += field(11, field(2, put));
    text += field(11, removed);
    const WatchMessage message = parse_watch(as_bytes(text), kPrefix).value();
    EXPECT_EQ(message.revision, Revision{8});
    ASSERT_EQ(message.events.size(), 2u);
    EXPECT_EQ(message.events[0].now.key, "a");
    EXPECT_EQ(message.events[0].now.value, "1");
    EXPECT_EQ(message.events[0].now.created, Revision{2});
    EXPECT_EQ(message.events[0].now.lease, LeaseId{-5});
    EXPECT_EQ(message.events[1].kind, Event::Kind::kRemove);
    std::string end = field(4, 1);
    end += field(5, 5);
    end += field(6, "late");
    const WatchMessage ended = parse_watch(as_bytes(end), kPrefix).value();
    EXPECT_TRUE(ended.cancelled);
    EXPECT_EQ(ended.compacted, Revision{4});
    EXPECT_EQ(ended.reason, "late");
}

TEST(EtcdMessages, RefusalsKeepTheirCode) {
    EXPECT_EQ(refusal(out_of_range("mvcc: required revision has been compacted")).code(),
              Code::kOutOfRange);
    EXPECT_EQ(refusal(unavailable("etcdserver: no leader")).code(), Code::kUnavailable);
    const Status full = refusal(resource_exhausted("etcdserver: mvcc: database space exceeded"));
    EXPECT_EQ(full.code(), Code::kResourceExhausted);
    EXPECT_NE(full.message().find("etcdctl defrag"), std::string_view::npos);
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
