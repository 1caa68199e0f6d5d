#include "serve/tasks/csv.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace hf::serve::tasks {
namespace {

std::string first_error(std::string_view text) {
    return std::string(parse_csv(text).status().message());
}

TEST(Csv, ReadsWhatTheRfcSays) {
    const auto records = *parse_csv(
        "\xEF\xBB\xBF"
        "a,b\r\n\"1,\"\"2\n\",\n\n ,x\n");
    ASSERT_EQ(records.size(), 3U);
    EXPECT_EQ(records[0].cells, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(records[1].cells, (std::vector<std::string>{"1,\"2\n", ""}));
    EXPECT_EQ(records[1].line, 2U);
    EXPECT_EQ(records[2].cells, (std::vector<std::string>{" ", "x"}));
    EXPECT_EQ(records[2].line, 5U);
    EXPECT_TRUE(parse_csv("")->empty());
    EXPECT_EQ(parse_csv("a,")->at(0).cells.size(), 2U);
}

TEST(Csv, RefusesWithTheLine) {
    EXPECT_EQ(first_error("a\n\"b"), "line 2: a quote is not closed");
    EXPECT_EQ(first_error("a\n\"b\"c"), "line 2: text behind the quotes of a cell");
    EXPECT_EQ(first_error("a,b\nc"), "line 2: has 1 cells, and the first record has 2");
    EXPECT_EQ(first_error("a\"b").substr(0, 15), "line 1: a quote");
    EXPECT_EQ(first_error(std::string(kMaxCells, ',')).substr(0, 17), "line 1: more than");
}

TEST(Csv, WhatIsWrittenIsRead) {
    Rng rng(3);
    constexpr std::string_view kAlphabet = "a\",\r\n ";
    for (int round = 0; round < 300; ++round) {
        std::vector<std::vector<std::string>> rows(1 + rng.next() % 4);
        const std::size_t width = 1 + rng.next() % 3;
        std::string text;
        for (auto& row : rows) {
            for (std::size_t i = 0; i < width; ++i) {
                std::string cell;
                while (rng.next() % 3 != 0) cell += kAlphabet[rng.next() % kAlphabet.size()];
                row.push_back(cell);
                text += i > 0 ? ",\"" : "\"";
                for (const char c : cell) text += c == '"' ? "\"\"" : std::string(1, c);
                text += "\"";
            }
            text += rng.next() % 2 == 0 ? "\r\n" : "\n";
        }
        const auto records = *parse_csv(text);
        ASSERT_EQ(records.size(), rows.size()) << text;
        for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(records[i].cells, rows[i]) << text;
    }
}

}  // namespace
}  // namespace hf::serve::tasks
