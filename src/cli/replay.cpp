#include "cli/replay.h"

#include <algorithm>
#include <cmath>

#include "base/json.h"
#include "base/text.h"
#include "cli/series_file.h"
#include "stream/alerts.h"
#include "stream/windows.h"

namespace hf::cli {
namespace {

constexpr std::int64_t kMaxBatch = 1024;
constexpr std::int64_t kMaxScoresInARow = 100'000;

// A stretch of time in which trouble is known to have been.
struct Expected {
    Instant from;
    Instant to;
    bool caught = false;
};

struct SeenAlert {
    stream::Alert alert;
    std::string receipt;
    bool expected = false;
};

Result<std::vector<Expected>> expected_windows(const Arguments& arguments) {
    std::vector<Expected> windows;
    for (const std::string& text : arguments.all("expect")) {
        const std::vector<std::string_view> ends = split(text, '/');
        if (ends.size() != 2) return invalid_argument("--expect: want FROM/TO, got '{}'", text);
        const Instant from = HF_TRY(parse_rfc3339(ends[0]).context("--expect"));
        const Instant to = HF_TRY(parse_rfc3339(ends[1]).context("--expect"));
        if (to < from) return invalid_argument("--expect: '{}' ends before it begins", text);
        windows.push_back({from, to});
    }
    return windows;
}

Result<stream::AlertOptions> alert_options(const Arguments& arguments, std::size_t window) {
    stream::AlertOptions options;
    options.open_after =
        static_cast<std::uint32_t>(HF_TRY(arguments.integer("open-after", 1, kMaxScoresInARow)));
    options.close_after = static_cast<std::uint32_t>(window);
    if (arguments.has("close-after")) {
        options.close_after = static_cast<std::uint32_t>(
            HF_TRY(arguments.integer("close-after", 1, kMaxScoresInARow)));
    }
    return options;
}

struct ReplayOptions {
    stream::WindowOptions windows;
    stream::AlertOptions alerts;
    std::size_t batch = 0;
    Instant after = Instant::min();
    std::vector<Expected> expected;
    bool json = false;
};

class Replay {
public:
    Replay(World& world, Scorer& scorer, ReplayOptions options)
        : world_(world),
          scorer_(scorer),
          options_(std::move(options)),
          builder_(options_.windows),
          tracker_(options_.alerts) {}

    Status run(const stream::Series& series) {
        for (const stream::Sample& sample : series) {
            if (!builder_.add(sample) || sample.time <= options_.after) continue;
            const std::span<const double> values = builder_.values();
            batch_.values.insert(batch_.values.end(), values.begin(), values.end());
            batch_.times.push_back(sample.time);
            if (batch_.times.size() == options_.batch) HF_TRY(flush());
        }
        if (!batch_.times.empty()) HF_TRY(flush());
        if (tracker_.is_open()) seen_.back().alert = tracker_.alert();
        if (windows_ == 0) {
            return invalid_argument("no window of {} samples, {} apart, is whole: is --step right?",
                                    options_.windows.length,
                                    format_duration(options_.windows.step));
        }
        judge();
        world_.out(options_.json ? json::write(summary()) + "\n" : summary_text());
        return {};
    }

private:
    Status flush() {
        const BatchScores answer = HF_TRY(scorer_.score(batch_));
        if (answer.scores.size() != batch_.times.size()) {
            return internal_error("{} windows were sent and {} scores came back",
                                  batch_.times.size(), answer.scores.size());
        }
        for (std::size_t i = 0; i < answer.scores.size(); ++i) {
            observe(batch_.times[i], answer.scores[i], answer.receipt);
        }
        windows_ += answer.scores.size();
        batch_ = {};
        return {};
    }

    void observe(Instant time, double score, const std::string& receipt) {
        if (!(score <= options_.alerts.open_above)) ++above_;
        switch (tracker_.observe(time, score)) {
            case stream::AlertTracker::Event::kNothing: break;
            case stream::AlertTracker::Event::kClosed: seen_.back().alert = tracker_.alert(); break;
            case stream::AlertTracker::Event::kOpened:
                seen_.push_back({tracker_.alert(), receipt, false});
                if (options_.json) break;
                world_.out(fmt::format("{} ALERT score {:.2f}{}\n", format_rfc3339(time), score,
                                       receipt.empty() ? "" : " receipt " + receipt));
        }
    }

    void judge() {
        for (SeenAlert& seen : seen_) {
            for (Expected& window : options_.expected) {
                const bool overlaps =
                    seen.alert.first_above <= window.to && seen.alert.last_above >= window.from;
                seen.expected |= overlaps;
                window.caught |= overlaps;
            }
        }
    }

    std::size_t caught() const {
        const auto& windows = options_.expected;
        return static_cast<std::size_t>(std::count_if(
            windows.begin(), windows.end(), [](const Expected& window) { return window.caught; }));
    }
    std::size_t outside() const {
        return static_cast<std::size_t>(std::count_if(
            seen_.begin(), seen_.end(), [](const SeenAlert& seen) { return !seen.expected; }));
    }

    json::Object summary() const {
        json::Array alerts;
        for (const SeenAlert& seen : seen_) {
            json::Object row{{"from", format_rfc3339(seen.alert.first_above)},
                             {"opened", format_rfc3339(seen.alert.opened)},
                             {"to", format_rfc3339(seen.alert.last_above)},
                             {"peak", nullptr},
                             {"peak_time", format_rfc3339(seen.alert.peak_time)}};
            if (std::isfinite(seen.alert.peak)) row["peak"] = seen.alert.peak;
            if (!seen.receipt.empty()) row["receipt"] = seen.receipt;
            if (!options_.expected.empty()) row["expected"] = seen.expected;
            alerts.push_back(std::move(row));
        }
        json::Object all{{"windows", windows_},
                         {"above_limit", above_},
                         {"values_filled", builder_.counts().filled},
                         {"holes", builder_.counts().restarts},
                         {"alerts", std::move(alerts)}};
        if (!options_.expected.empty()) {
            all["expected_windows"] = options_.expected.size();
            all["caught"] = caught();
            all["alerts_outside"] = outside();
        }
        return all;
    }

    std::string summary_text() const {
        std::string text = fmt::format("{} windows scored, {} above the limit, {} alerts\n",
                                       windows_, above_, seen_.size());
        if (!options_.expected.empty()) {
            text += fmt::format("{} of {} expected windows caught, {} alerts outside them\n",
                                caught(), options_.expected.size(), outside());
        }
        return text;
    }

    World& world_;
    Scorer& scorer_;
    ReplayOptions options_;
    stream::WindowBuilder builder_;
    stream::AlertTracker tracker_;
    WindowBatch batch_;
    std::vector<SeenAlert> seen_;
    std::size_t windows_ = 0;
    std::size_t above_ = 0;
};

}  // namespace

std::int64_t to_milliseconds(Instant time) {
    return std::chrono::floor<std::chrono::milliseconds>(time).time_since_epoch().count();
}

Result<DetectorPorts> detector_ports(const std::vector<DetectorPort>& inputs) {
    DetectorPorts ports;
    for (const DetectorPort& input : inputs) {
        if (input.name == "window" && input.extents.size() == 2 && input.extents[1] > 0 &&
            input.extents[1] <= static_cast<std::int64_t>(stream::kMaxWindow)) {
            ports.window = static_cast<std::size_t>(input.extents[1]);
        } else if (input.name == "time_ms") {
            ports.needs_time = true;
        } else {
            return invalid_argument(
                "input '{}' is not one of an anomaly detector: want a model of `holdfast fit "
                "anomaly`",
                input.name);
        }
    }
    if (ports.window > 0) return ports;
    return invalid_argument("the model has no input 'window' of shape ?xW");
}

std::vector<Option> replay_options() {
    return {
        {"--after", "score only what is later; what is earlier fills windows", "TIME"},
        {"--step", "between samples; the median of the file unless given", "DURATION"},
        {"--batch", "windows scored at a time", "N", "64"},
        {"--open-after", "scores above the limit in a row that open an alert", "N", "3"},
        {"--close-after", "scores below it in a row that close one; a window", "N"},
        {"--expect", "trouble known to be in the data: count what is caught", "FROM/TO", "", true},
        {"--json", "one JSON object at the end", ""}};
}

Status replay(World& world, const std::string& path, const Arguments& arguments, Scorer& scorer) {
    ReplayOptions options;
    options.json = arguments.flag("json");
    options.batch = static_cast<std::size_t>(HF_TRY(arguments.integer("batch", 1, kMaxBatch)));
    options.alerts = HF_TRY(alert_options(arguments, scorer.window()));
    options.expected = HF_TRY(expected_windows(arguments));
    if (arguments.has("after")) {
        options.after = HF_TRY(parse_rfc3339(arguments.get("after")).context("--after"));
    }
    const SeriesFile file = HF_TRY(read_series(world, path, arguments));
    options.windows = {scorer.window(), stream::typical_step(file.read.series)};
    if (arguments.has("step")) {
        options.windows.step = HF_TRY(parse_duration(arguments.get("step")).context("--step"));
    }
    if (options.windows.step <= Duration::zero()) {
        return invalid_argument("{}: one sample has no step; give --step", path);
    }
    return Replay(world, scorer, std::move(options)).run(file.read.series);
}

}  // namespace hf::cli
