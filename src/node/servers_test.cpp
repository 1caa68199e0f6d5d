// Which of several servers is asked, and what is no list of them.

#include "node/servers.h"

#include <gtest/gtest.h>

namespace hf::node {
namespace {

TEST(Servers, TakeTurnsWhenTheyFailAndRoundAgain) {
    Servers servers({"https://a", "https://b", "https://c"});
    EXPECT_EQ(servers.current(), "https://a");
    servers.failed("https://a");
    EXPECT_EQ(servers.current(), "https://b");
    servers.failed("https://a");  // another thread saw the same
    EXPECT_EQ(servers.current(), "https://b");
    servers.failed("https://b");
    servers.failed("https://c");
    EXPECT_EQ(servers.current(), "https://a");
    Servers one({"https://a"});
    one.failed("https://a");
    EXPECT_EQ(one.current(), "https://a");
}

TEST(Servers, WhoIsAskedStaysWhenTheListChanges) {
    Servers servers({"https://a", "https://b"});
    servers.failed("https://a");
    servers.replace({"https://c", "https://b"});
    EXPECT_EQ(servers.current(), "https://b");
    servers.replace({"https://d"});
    EXPECT_EQ(servers.current(), "https://d");
    EXPECT_EQ(servers.count(), 1u);
}

TEST(Servers, AListIsReadWithoutWhatPeopleLeaveInIt) {
    const auto list = parse_servers("https://a:8443/, https://b");
    EXPECT_EQ(list.value(), (std::vector<std::string>{"https://a:8443", "https://b"}));
    EXPECT_EQ(parse_servers("").status().message(),
              "'' is no server's address: want https://HOST[:PORT]");
    EXPECT_EQ(parse_servers("https://a,http://b").status().message(),
              "'http://b' is no server's address: want https://HOST[:PORT]");
    EXPECT_FALSE(parse_servers("https:///").ok());
    EXPECT_FALSE(parse_servers("https://a,").ok());
    EXPECT_FALSE(parse_servers("https://a b").ok());
    EXPECT_EQ(parse_servers("https://a,https://a/").status().message(),
              "'https://a' is named twice among the servers");
    std::string many = "https://0";
    for (std::size_t i = 1; i <= kMaxServers; ++i) many += fmt::format(",https://{}", i);
    EXPECT_EQ(parse_servers(many).status().message(),
              "more than 16 servers; name those that are nearest");
}

}  // namespace
}  // namespace hf::node
