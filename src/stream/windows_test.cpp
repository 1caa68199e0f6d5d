#include "stream/windows.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "testing/script.h"

namespace hf::stream {
namespace {

// windows LENGTH STEP: rows of "seconds value"; prints the window after each sample that fills one.
TEST(Windows, OverHolesAndDisorder) {
    testing::run_text_test(
        "src/stream/testdata/windows.txt", [](const testing::TextCommand& command) {
            const std::int64_t length = *parse_int(command.arguments.at(0));
            WindowBuilder builder(
                {static_cast<std::size_t>(length), *parse_duration(command.arguments.at(1))});
            std::string text;
            for (std::string_view line : split(trim(command.input), '\n')) {
                const std::vector<std::string_view> words = split(line, ' ');
                const Instant time{Duration(std::chrono::seconds(*parse_int(words.at(0))))};
                if (!builder.add({time, *parse_double(words.at(1))})) continue;
                text += fmt::format("{}: {}\n", words[0], fmt::join(builder.values(), " "));
            }
            const WindowCounts& counts = builder.counts();
            return text + fmt::format("filled {} restarts {} ignored {}\n", counts.filled,
                                      counts.restarts, counts.ignored);
        });
}

TEST(Windows, AreTheLastValuesHoweverLongTheStream) {
    constexpr std::size_t kLength = 5;
    WindowBuilder builder({kLength, std::chrono::seconds(1)});
    for (int i = 0; i < 100; ++i) {
        const bool full = builder.add({Instant(std::chrono::seconds(i)), 1.0 * i});
        EXPECT_EQ(full, i + 1 >= static_cast<int>(kLength));
        if (!full) continue;
        for (std::size_t k = 0; k < kLength; ++k) {
            EXPECT_EQ(builder.values()[k], i - static_cast<int>(kLength - 1 - k));
        }
    }
}

}  // namespace
}  // namespace hf::stream
