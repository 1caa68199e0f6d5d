#include "crypto/join_token.h"

#include <gtest/gtest.h>

#include "crypto/hash.h"

namespace hf::crypto {
namespace {

const JoinToken kToken{std::string(16, 'a'), std::string(64, 'b'), sha256(as_bytes("root"))};

TEST(JoinToken, ComesBackFromItsText) {
    const Result<JoinToken> read = JoinToken::parse(kToken.text());
    ASSERT_TRUE(read.ok()) << read.status().to_string();
    EXPECT_EQ(read->id, kToken.id);
    EXPECT_EQ(read->secret, kToken.secret);
    EXPECT_EQ(read->root, kToken.root);
    EXPECT_EQ(read->digest(), sha256(as_bytes(kToken.text())));
}

TEST(JoinToken, WhatIsNoneIsRefusedWithoutBeingRepeated) {
    const std::string good = kToken.text();
    std::vector<std::string> bad{"",
                                 "hfj",
                                 "hfj...",
                                 good + "0",
                                 " " + good,
                                 good + "\n",
                                 "hf" + good,
                                 std::string(1u << 20, 'a'),
                                 good + "." + good};
    for (std::size_t size = 0; size < good.size(); ++size) bad.push_back(good.substr(0, size));
    for (std::size_t at = 0; at < good.size(); ++at) {
        for (char c : {'G', '.', '\0', 'A'}) {
            std::string changed = good;
            if (changed[at] == c) continue;
            changed[at] = c;
            bad.push_back(changed);
        }
    }
    for (const std::string& text : bad) {
        const Result<JoinToken> read = JoinToken::parse(text);
        ASSERT_EQ(read.status().code(), Code::kInvalidArgument) << text.substr(0, 200);
        EXPECT_EQ(read.status().message().find("bbbb"), std::string::npos);
    }
}

}  // namespace
}  // namespace hf::crypto
