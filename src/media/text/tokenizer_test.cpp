#include "media/text/tokenizer.h"

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace hf::media::text {
namespace {

using Ids = std::vector<TokenId>;

Tokenizer tokenizer(const std::string& members) {
    auto made = Tokenizer::parse("{" + members + "}");
    HF_CHECK(made.ok(), "{}", made.status().to_string());
    return std::move(*made);
}

Ids ids(const std::string& members, std::string_view text) {
    return *tokenizer(members).encode(text, 100);
}

std::string refusal(const std::string& members) {
    return std::string(Tokenizer::parse("{" + members + "}").status().message());
}

std::string unigram(const std::string& vocab, const std::string& more = "") {
    return R"("model":{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0],)" + vocab + "]" + more +
           "}";
}

TEST(Tokenizer, UnigramTakesTheWayOfTheLargestSum) {
    const std::string model = unigram(R"(["a",-1],["b",-1],["ab",-2.5],["abc",-9],["c",-1])");
    EXPECT_EQ(ids(model, "ab"), (Ids{1, 2}));
    EXPECT_EQ(ids(model, "abc"), (Ids{1, 2, 5}));
    const std::string other = unigram(R"(["a",-1],["b",-2],["ab",-2.5],["abc",-3],["c",-1])");
    EXPECT_EQ(ids(other, "ab"), (Ids{3}));
    EXPECT_EQ(ids(other, "abcab"), (Ids{4, 3}));
}

TEST(Tokenizer, UnigramFusesWhatItDoesNotKnow) {
    const std::string model = unigram(R"(["a",-1],["<0xC3>",-5],["<0xA9>",-5])");
    EXPECT_EQ(ids(model, "xyaz\u00e9"), (Ids{0, 1, 0}));
    const std::string bytes =
        unigram(R"(["a",-1],["<0xC3>",-5],["<0xA9>",-5])", R"(,"byte_fallback":true)");
    EXPECT_EQ(ids(bytes, "a\u00e9"), (Ids{1, 2, 3}));
    EXPECT_EQ(ids(bytes, "ax"), (Ids{1, 0}));
    EXPECT_EQ(ids(bytes, "ax\u00e9"), (Ids{1, 0})) << "one of its bytes has no token";
}

TEST(Tokenizer, MetaspaceBeginsWordsWithABlank) {
    const std::string model = unigram(
        "[\"\u2581\",-1],[\"a\",-1],[\"\u2581"
        "a\",-1.5]");
    const auto split = [&](const std::string& metaspace, std::string_view text) {
        return ids(R"("pre_tokenizer":{"type":"Metaspace")" + metaspace + "}," + model, text);
    };
    EXPECT_EQ(split("", "a  a"), (Ids{3, 1, 3}));
    EXPECT_EQ(split("", " a"), (Ids{3}));
    EXPECT_EQ(split(R"(,"prepend_scheme":"never")", "a a"), (Ids{2, 3}));
    EXPECT_EQ(split(R"(,"add_prefix_space":false)", "a a"), (Ids{2, 3}));
    const std::string token = R"("added_tokens":[{"id":9,"content":"<x>","special":true}],)";
    const std::string first = R"("pre_tokenizer":{"type":"Metaspace","prepend_scheme":"first"},)";
    EXPECT_EQ(ids(token + first + model, "a<x>a"), (Ids{3, 9, 2}));
    const std::string always = R"("pre_tokenizer":{"type":"Metaspace"},)";
    EXPECT_EQ(ids(token + always + model, "a<x>a"), (Ids{3, 9, 3}));
}

TEST(Tokenizer, NormalizersOfSentencePiece) {
    const std::string model = unigram(R"(["a",-1],["b",-1],[" ",-1],["_",-1])");
    const auto normal = [&](const std::string& normalizer, std::string_view text) {
        return ids(R"("normalizer":{"type":)" + normalizer + "}," + model, text);
    };
    EXPECT_EQ(normal(R"("Prepend","prepend":"_")", "a"), (Ids{4, 1}));
    EXPECT_EQ(normal(R"("Prepend","prepend":"_")", ""), Ids());
    EXPECT_EQ(normal(R"("Replace","pattern":{"String":"aa"},"content":"b")", "aaab"),
              (Ids{2, 1, 2}));
    EXPECT_EQ(normal(R"("Replace","pattern":{"Regex":" {2,}"},"content":"_")", "a  b b   "),
              (Ids{1, 4, 2, 3, 2, 4}));
    EXPECT_EQ(normal(R"("Strip")", " a b\n"), (Ids{1, 3, 2}));
    EXPECT_EQ(normal(R"("Strip","strip_left":false)", " a "), (Ids{3, 1}));
    EXPECT_EQ(normal(R"("Nmt")", "a\x01\tb"), (Ids{1, 3, 2}));
}

// A map of one rule, "a" to "bb": the root's children begin at unit 0x80, and the leaf of 'a' at
// 0xC0 beyond that node's own place.
std::string one_rule(std::string_view replacement) {
    std::vector<std::uint32_t> units(512);
    units[0] = 0x80 << 10;
    const std::size_t node = 0x80 ^ 'a';
    units[node] = 'a' | 1 << 8 | 0xC0 << 10;
    units[node ^ 0xC0] = 0x80000000;
    Bytes bytes;
    append_le(bytes, static_cast<std::uint32_t>(units.size() * sizeof(std::uint32_t)));
    for (const std::uint32_t unit : units) append_le(bytes, unit);
    bytes.insert(bytes.end(), replacement.begin(), replacement.end());
    bytes.push_back(0);
    return R"("normalizer":{"type":"Precompiled","precompiled_charsmap":")" + to_base64(bytes) +
           "\"},";
}

TEST(Tokenizer, PrecompiledRulesReplaceCharacters) {
    const std::string model = unigram(R"(["a",-1],["b",-1],["c",-1])");
    EXPECT_EQ(ids(one_rule("bb") + model, "cac"), (Ids{3, 2, 2, 3}));
    EXPECT_EQ(ids(one_rule("") + model, "cac"), (Ids{3, 3}));
    // A grapheme of less than six bytes is replaced by the rule of what it begins with.
    EXPECT_EQ(ids(one_rule("bb") + model, "a\u0301c"), (Ids{2, 2, 3}));
    EXPECT_EQ(ids(one_rule("bb") + model, "a\u0301\u0302\u0303"), (Ids{2, 2, 0}));
}

TEST(Tokenizer, RefusesRulesThatAreNone) {
    const auto precompiled = [](const std::string& map) {
        return refusal(R"("normalizer":{"type":"Precompiled","precompiled_charsmap":")" + map +
                       "\"}," + unigram(R"(["a",-1])"));
    };
    EXPECT_EQ(precompiled("AAA="), "precompiled_charsmap: it is cut off");
    EXPECT_EQ(precompiled("!"), "precompiled_charsmap: base64 length 1 is not a multiple of four");
    EXPECT_EQ(precompiled("BAAAAA=="),
              "precompiled_charsmap: it has a trie of 4 bytes, and 4 in all");
    EXPECT_EQ(refusal(one_rule(std::string(257, 'b')) + unigram(R"(["a",-1])")),
              "precompiled_charsmap: it has a replacement of 257 bytes; at most 256");
}

TEST(Tokenizer, BpeFallsBackToBytes) {
    const std::string vocab = R"("vocab":{"<unk>":0,"a":1,"<0xC3>":2,"<0xA9>":3,"aa":4},)"
                              R"("merges":["a a"],"unk_token":"<unk>")";
    const std::string plain = R"("model":{"type":"BPE",)" + vocab;
    EXPECT_EQ(ids(plain + "}", "aaxy\u00e9"), (Ids{4, 0, 0, 0}));
    EXPECT_EQ(ids(plain + R"(,"fuse_unk":true})", "aaxya"), (Ids{4, 0, 1}));
    EXPECT_EQ(ids(plain + R"(,"byte_fallback":true})", "a\u00e9x"), (Ids{1, 2, 3, 0}));
    EXPECT_EQ(ids(plain + R"(,"ignore_merges":true})", "<unk>"), (Ids{0}));
}

}  // namespace
}  // namespace hf::media::text
