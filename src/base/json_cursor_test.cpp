#include "base/json_cursor.h"

#include <cmath>
#include <cstring>

#include <gtest/gtest.h>

#include "base/json.h"
#include "base/rng.h"

namespace hf {
namespace {

bool read_whole(std::string_view text, JsonCursor::Number& number) {
    JsonCursor cursor(text);
    return cursor.take_number(number) && cursor.at_end();
}

TEST(JsonCursor, NumbersAreThoseOfTheParser) {
    Rng rng(11);
    std::vector<std::string> texts = {"0",
                                      "-0",
                                      "-0.0",
                                      "1",
                                      "-17",
                                      "1.5",
                                      "1e3",
                                      "1E+2",
                                      "25e-1",
                                      "0.1",
                                      "1e22",
                                      "1e23",
                                      "3e-22",
                                      "1e-323",
                                      "123456789012345678",
                                      "9007199254740993",
                                      "18446744073709551615",
                                      "0.30000000000000004",
                                      "1234567890.123456789",
                                      "12345678901234567890123",
                                      "1e308"};
    for (int i = 0; i < 20'000; ++i) {
        const std::uint64_t bits = rng.next();
        double number = 0;
        std::memcpy(&number, &bits, sizeof number);
        if (!std::isfinite(number)) continue;
        texts.push_back(fmt::format("{:.17g}", number));
        texts.push_back(fmt::format("{:.{}f}", rng.uniform() * 1000, i % 20));
    }
    for (const std::string& text : texts) {
        JsonCursor::Number number;
        ASSERT_TRUE(read_whole(text, number)) << text;
        const Result<json::Value> value = json::parse(text);
        ASSERT_TRUE(value.ok()) << text;
        EXPECT_EQ(number.value, value->to_number<double>()) << text;
        if (number.integral && !number.negative) {
            EXPECT_EQ(number.magnitude, value->to_number<std::uint64_t>()) << text;
        }
    }
}

TEST(JsonCursor, WhatIsNoNumberOfJsonIsNone) {
    for (std::string_view text : {"", "-", "+1", "01", "-01", "1.", ".5", "1.e5", "1e", "1e+",
                                  "0x10", "inf", "nan", "NaN", "--1", "1 2", "1e400", "1e99999"}) {
        JsonCursor::Number number;
        EXPECT_FALSE(read_whole(text, number)) << text;
    }
}

TEST(JsonCursor, CountsAreWholeAndNotNegative) {
    for (std::string_view text : {"1.0", "1e3", "-1", "9223372036854775808", "\"1\""}) {
        std::int64_t count = 0;
        EXPECT_FALSE(JsonCursor(text).take_count(count)) << text;
    }
    std::int64_t count = 0;
    EXPECT_TRUE(JsonCursor(" 9223372036854775807").take_count(count));
    EXPECT_EQ(count, 9223372036854775807);
}

TEST(JsonCursor, StringsArePlainOrNotRead) {
    std::string_view text;
    EXPECT_TRUE(JsonCursor(" \"a b\" ").take_string(text));
    EXPECT_EQ(text, "a b");
    for (std::string_view odd : {"\"a", "\"a\\n\"", "\"\xc3\xa9\"", "\"a\nb\"", "a", ""}) {
        EXPECT_FALSE(JsonCursor(odd).take_string(text)) << odd;
    }
}

TEST(JsonCursor, WordsAreReadWhole) {
    bool truth = false;
    EXPECT_TRUE(JsonCursor(" true").take_bool(truth));
    EXPECT_TRUE(truth);
    EXPECT_TRUE(JsonCursor("false").take_bool(truth));
    EXPECT_FALSE(truth);
    for (std::string_view odd : {"tru", "fals", "null", "1", ""}) {
        EXPECT_FALSE(JsonCursor(odd).take_bool(truth)) << odd;
    }
}

}  // namespace
}  // namespace hf
