#include "stream/csv.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "testing/script.h"

namespace hf::stream {
namespace {

// "\r", "\xNN" and the like in the input stand for the bytes that an editor would not keep.
std::string unescape(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text.substr(i).starts_with("\\r")) {
            out += '\r';
            ++i;
        } else if (text.substr(i).starts_with("\\x")) {
            out += static_cast<char>((*from_hex(text.substr(i + 2, 2)))[0]);
            i += 3;
        } else {
            out += text[i];
        }
    }
    return out;
}

TEST(Csv, Files) {
    testing::run_text_test("src/stream/testdata/csv.txt", [](const testing::TextCommand& command) {
        const std::string csv = unescape(command.input);
        const CsvColumns columns{command.arguments.at(0), command.arguments.at(1)};
        const Result<CsvSeries> read = read_csv(as_bytes(csv), columns);
        if (!read.ok()) return read.status().to_string() + "\n";
        std::string text = read->summary() + "\n";
        for (const Sample& sample : read->series) {
            text += fmt::format("{} {}\n", format_rfc3339_micros(sample.time), sample.value);
        }
        return text;
    });
}

TEST(Csv, FieldsAndColumnsAreBounded) {
    const auto message = [](const std::string& csv) {
        return read_csv(as_bytes(csv), {"t", "v"}).status().to_string();
    };
    EXPECT_EQ(message("t,v\n1," + std::string(kMaxCsvFieldBytes + 1, '1')),
              "INVALID_ARGUMENT: line 2: a field of more than 65536 bytes");
    EXPECT_EQ(message("t,v\n1,\"" + std::string(kMaxCsvFieldBytes + 2, '1')),
              "INVALID_ARGUMENT: line 2: the quote that opens here is never closed");
    EXPECT_EQ(message(std::string(kMaxCsvColumns, ',')),
              "INVALID_ARGUMENT: line 1: more than 4096 columns");
}

TEST(Csv, EveryPrefixAndManyMutationsAreAnswered) {
    const std::string good =
        "t,\"v \"\"x\"\"\",other\r\n2020-01-01T00:00:00Z,1.5,\"a,\nb\"\n1577836900,2,\n,,\n";
    for (std::size_t size = 0; size <= good.size(); ++size) {
        (void)read_csv(as_bytes(std::string_view(good).substr(0, size)), {"t", "v \"x\""});
    }
    Rng rng(testing::seed());
    constexpr std::string_view kBytes = "\",\n\r09.-eE \0\xFFTZ:t";
    int read = 0;
    for (int round = 0; round < 20000; ++round) {
        std::string bytes = good.substr(0, good.size() - 3);
        for (int i = 0; i < 2; ++i)
            bytes[rng.below(bytes.size())] = kBytes[rng.below(kBytes.size())];
        const Result<CsvSeries> series = read_csv(as_bytes(bytes), {"t", "v \"x\""});
        if (!series.ok()) continue;
        ++read;
        for (std::size_t i = 1; i < series->series.size(); ++i) {
            EXPECT_LT(series->series[i - 1].time, series->series[i].time);
        }
    }
    EXPECT_GT(read, 0);
}

}  // namespace
}  // namespace hf::stream
