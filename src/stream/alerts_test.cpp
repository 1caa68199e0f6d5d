#include "stream/alerts.h"

#include <limits>

#include <gtest/gtest.h>

#include "base/text.h"
#include "testing/script.h"

namespace hf::stream {
namespace {

std::string describe(std::string_view event, const Alert& alert) {
    const auto second = [](Instant time) {
        return time.time_since_epoch().count() / 1'000'000'000;
    };
    return fmt::format("{}: first above {}, opened {}, last above {}, peak {} at {}\n", event,
                       second(alert.first_above), second(alert.opened), second(alert.last_above),
                       alert.peak, second(alert.peak_time));
}

// alerts OPEN_ABOVE CLOSE_BELOW OPEN_AFTER CLOSE_AFTER: one score a second, from zero.
TEST(Alerts, OpenAndClose) {
    testing::run_text_test(
        "src/stream/testdata/alerts.txt", [](const testing::TextCommand& command) {
            AlertOptions options;
            options.open_above = *parse_double(command.arguments.at(0));
            options.close_below = *parse_double(command.arguments.at(1));
            options.open_after = static_cast<std::uint32_t>(*parse_int(command.arguments.at(2)));
            options.close_after = static_cast<std::uint32_t>(*parse_int(command.arguments.at(3)));
            AlertTracker tracker(options);
            std::string text;
            int second = 0;
            for (std::string_view word : split(trim(command.input), ' ')) {
                const double score =
                    word == "nan" ? std::numeric_limits<double>::quiet_NaN() : *parse_double(word);
                const Instant time{Duration(std::chrono::seconds(second))};
                const AlertTracker::Event event = tracker.observe(time, score);
                if (event == AlertTracker::Event::kOpened) {
                    text += fmt::format("{} ", second) + describe("opened", tracker.alert());
                } else if (event == AlertTracker::Event::kClosed) {
                    text += fmt::format("{} ", second) + describe("closed", tracker.alert());
                }
                ++second;
            }
            if (tracker.is_open()) text += describe("still open", tracker.alert());
            return text.empty() ? "quiet\n" : text;
        });
}

}  // namespace
}  // namespace hf::stream
