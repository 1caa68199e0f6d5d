// What `holdfast top` shows: how each model of a server fared between two looks at its metrics and
// statistics. Pure; the command (commands/top.cpp) does the looking.

#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "base/time.h"

namespace hf::cli {

// One look. Counts are since the model was loaded.
struct Scrape {
    struct Model {
        double succeeded = 0;
        double failed = 0;
        double refused = 0;
        double in_flight = 0;
        std::map<double, double> buckets;   // upper bound in seconds: how many up to it
        std::optional<double> queue_count;  // these where there are statistics
        double queue_seconds = 0;
        std::uint64_t memory_bytes = 0;  // 0: not known
    };
    using Key = std::pair<std::string, std::string>;  // model, version

    Duration at{};  // of a monotonic clock
    std::map<Key, Model> models;
};

// `statistics`: the answer of GET /v2/models/stats. FAILED_PRECONDITION when the metrics are not
// those of a server of models.
Result<Scrape> parse_scrape(std::string_view metrics, std::string_view statistics, Duration at);

struct TopRow {
    std::string model;
    std::string version;
    double requests_per_s = 0;    // all of them
    double failures_per_s = 0;    // of these, failed or refused
    std::optional<double> p50_s;  // in the model; none: nothing was computed
    std::optional<double> p99_s;
    double in_flight = 0;
    std::optional<double> queue_s;   // on average, of those that succeeded
    std::uint64_t memory_bytes = 0;  // 0: not known
    double requests = 0;             // since it was loaded
};

// From `before` to `now`, the busiest first. Counts that went down began anew in between, as they
// do when a model is loaded again.
std::vector<TopRow> compare_scrapes(const Scrape& before, const Scrape& now);

// The quantile of a histogram as Prometheus' histogram_quantile() estimates it: linear within its
// bucket; in the last one, that one's lower bound. None when the histogram is empty.
std::optional<double> quantile_of(const std::map<double, double>& buckets, double quantile);

// With heads, in columns; a line for each model, at most `rows_max`, and one that says how many are
// left out.
std::string write_top(const std::vector<TopRow>& rows, std::size_t rows_max);

json::Object top_to_json(const std::vector<TopRow>& rows, std::string_view url, Duration over);

}  // namespace hf::cli
