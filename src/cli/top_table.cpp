#include "cli/top_table.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/json_lists.h"
#include "base/text.h"
#include "cli/prometheus_text.h"

namespace hf::cli {
namespace {

constexpr std::size_t kVersionColumns = 12;
constexpr std::size_t kModelColumnsMax = 40;

double seconds(Duration duration) {
    return std::chrono::duration<double>(duration).count();
}

void add_sample(const Sample& sample, Scrape& scrape) {
    const auto model = [&]() -> Scrape::Model& {
        return scrape
            .models[{std::string(sample.label("model")), std::string(sample.label("version"))}];
    };
    if (sample.name == "holdfast_inference_requests_total") {
        const std::string_view outcome = sample.label("outcome");
        Scrape::Model& one = model();
        if (outcome == "succeeded") one.succeeded = sample.value;
        if (outcome == "failed") one.failed = sample.value;
        if (outcome == "refused") one.refused = sample.value;
    } else if (sample.name == "holdfast_inferences_in_flight") {
        model().in_flight = sample.value;
    } else if (sample.name == "holdfast_inference_duration_seconds_bucket") {
        const std::string_view bound = sample.label("le");
        const Result<double> number = parse_double(bound);
        const double le =
            number.ok() ? *number : std::numeric_limits<double>::infinity();  // "+Inf"
        model().buckets[le] = sample.value;
    }
}

void add_statistics(const json::Value& entry, Scrape& scrape) {
    const auto at = scrape.models.find({std::string(json::get_string(entry, "name")),
                                        std::string(json::get_string(entry, "version"))});
    if (at == scrape.models.end()) return;
    const json::Value* const queue = json::find_path(entry, {"inference_stats", "queue"});
    if (queue) {
        at->second.queue_count = static_cast<double>(json::get_int(*queue, "count"));
        at->second.queue_seconds = static_cast<double>(json::get_int(*queue, "ns")) * 1e-9;
    }
    for (const json::Value& usage : json::items_of(entry, "memory_usage")) {
        at->second.memory_bytes += static_cast<std::uint64_t>(
            std::max<std::int64_t>(0, json::get_int(usage, "byte_size")));
    }
}

// What came since; all of it where the count began anew.
double since(double before, double now) {
    return now >= before ? now - before : now;
}

std::map<double, double> buckets_since(const Scrape::Model& before, const Scrape::Model& now) {
    const bool anew = !before.buckets.empty() && !now.buckets.empty() &&
                      now.buckets.rbegin()->second < before.buckets.rbegin()->second;
    std::map<double, double> buckets = now.buckets;
    if (anew) return buckets;
    for (auto& [bound, count] : buckets) {
        const auto at = before.buckets.find(bound);
        if (at != before.buckets.end()) count = std::max(0.0, count - at->second);
    }
    return buckets;
}

std::optional<double> mean_queue(const Scrape::Model& before, const Scrape::Model& now) {
    if (!now.queue_count) return std::nullopt;
    const double was = before.queue_count.value_or(0);
    const bool anew = *now.queue_count < was;
    const double count = anew ? *now.queue_count : *now.queue_count - was;
    if (count <= 0) return std::nullopt;
    return std::max(0.0, now.queue_seconds - (anew ? 0 : before.queue_seconds)) / count;
}

// What a server calls its models may not move the cursor.
std::string printable(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) c = '?';
    }
    return out;
}

std::string cut(std::string text, std::size_t columns) {
    if (text.size() > columns) text = text.substr(0, columns - 2) + "..";
    return text;
}

std::string rate_text(double rate) {
    return rate >= 100 ? fmt::format("{:.0f}", rate) : fmt::format("{:.1f}", rate);
}

std::string time_text(std::optional<double> time) {
    if (!time) return "-";
    if (*time < 1e-3) return fmt::format("{:.0f} us", *time * 1e6);
    if (*time < 1) return fmt::format("{:.1f} ms", *time * 1e3);
    return fmt::format("{:.2f} s", *time);
}

using Cells = std::array<std::string, 10>;

Cells cells_of(const TopRow& row) {
    return {cut(printable(row.model), kModelColumnsMax),
            cut(printable(row.version), kVersionColumns),
            rate_text(row.requests_per_s),
            rate_text(row.failures_per_s),
            time_text(row.p50_s),
            time_text(row.p99_s),
            fmt::format("{:.0f}", row.in_flight),
            time_text(row.queue_s),
            row.memory_bytes ? format_bytes(row.memory_bytes) : "-",
            fmt::format("{:.0f}", row.requests)};
}

json::Value number_or_null(std::optional<double> value) {
    return value ? json::Value(*value) : json::Value();
}

}  // namespace

Result<Scrape> parse_scrape(std::string_view metrics, std::string_view statistics, Duration at) {
    Scrape scrape;
    scrape.at = at;
    const std::vector<Sample> samples = HF_TRY(parse_prometheus(metrics).context("/metrics"));
    bool serves = false;
    for (const Sample& sample : samples) {
        serves = serves || sample.name == "holdfast_models";
        add_sample(sample, scrape);
    }
    if (!serves) {
        return failed_precondition(
            "/metrics: no holdfast_models; want the door for predictions of `holdfast serve`, "
            "`holdfast up` or `holdfast agent`");
    }
    const json::Value root = HF_TRY(json::parse(statistics).context("/v2/models/stats"));
    for (const json::Value& entry : json::items_of(root, "model_stats")) {
        add_statistics(entry, scrape);
    }
    return scrape;
}

std::optional<double> quantile_of(const std::map<double, double>& buckets, double quantile) {
    const double all = buckets.empty() ? 0 : buckets.rbegin()->second;
    if (!(all > 0)) return std::nullopt;
    const double rank = quantile * all;
    double lower = 0;
    double below = 0;
    for (const auto& [bound, count] : buckets) {
        if (count >= rank && count > below) {
            if (std::isinf(bound)) return lower;
            return lower + (bound - lower) * (rank - below) / (count - below);
        }
        lower = bound;
        below = count;
    }
    return lower;
}

std::vector<TopRow> compare_scrapes(const Scrape& before, const Scrape& now) {
    const double over = std::max(1e-9, seconds(now.at - before.at));
    std::vector<TopRow> rows;
    for (const auto& [key, model] : now.models) {
        const auto at = before.models.find(key);
        const Scrape::Model was = at == before.models.end() ? Scrape::Model() : at->second;
        TopRow row;
        row.model = key.first;
        row.version = key.second;
        const double good = since(was.succeeded, model.succeeded);
        const double bad = since(was.failed, model.failed) + since(was.refused, model.refused);
        row.requests_per_s = (good + bad) / over;
        row.failures_per_s = bad / over;
        const std::map<double, double> buckets = buckets_since(was, model);
        row.p50_s = quantile_of(buckets, 0.50);
        row.p99_s = quantile_of(buckets, 0.99);
        row.in_flight = model.in_flight;
        row.queue_s = mean_queue(was, model);
        row.memory_bytes = model.memory_bytes;
        row.requests = model.succeeded + model.failed + model.refused;
        rows.push_back(std::move(row));
    }
    std::stable_sort(rows.begin(), rows.end(), [](const TopRow& a, const TopRow& b) {
        if (a.requests_per_s != b.requests_per_s) return a.requests_per_s > b.requests_per_s;
        return a.in_flight > b.in_flight;
    });
    return rows;
}

std::string write_top(const std::vector<TopRow>& rows, std::size_t rows_max) {
    std::vector<Cells> lines{{"MODEL", "VERSION", "REQ/S", "FAIL/S", "P50", "P99", "RUNNING",
                              "QUEUE", "MEMORY", "REQUESTS"}};
    for (std::size_t i = 0; i < std::min(rows.size(), rows_max); ++i) {
        lines.push_back(cells_of(rows[i]));
    }
    std::array<std::size_t, std::tuple_size_v<Cells>> widths{};
    for (const Cells& line : lines) {
        for (std::size_t i = 0; i < line.size(); ++i)
            widths[i] = std::max(widths[i], line[i].size());
    }
    std::string text;
    for (const Cells& line : lines) {
        for (std::size_t i = 0; i < line.size(); ++i) {
            const std::string_view gap = i + 1 < line.size() ? "  " : "\n";
            text += i < 2 ? fmt::format("{:<{}}", line[i], widths[i])
                          : fmt::format("{:>{}}", line[i], widths[i]);
            text += gap;
        }
    }
    if (rows.size() > rows_max) text += fmt::format("and {} more\n", rows.size() - rows_max);
    if (rows.empty()) text += "no model is served\n";
    return text;
}

json::Object top_to_json(const std::vector<TopRow>& rows, std::string_view url, Duration over) {
    json::Array models;
    for (const TopRow& row : rows) {
        json::Object one{{"model", row.model},
                         {"version", row.version},
                         {"requests_per_s", row.requests_per_s},
                         {"failures_per_s", row.failures_per_s},
                         {"p50_s", number_or_null(row.p50_s)},
                         {"p99_s", number_or_null(row.p99_s)},
                         {"in_flight", static_cast<std::int64_t>(row.in_flight)},
                         {"queue_s", number_or_null(row.queue_s)},
                         {"requests", static_cast<std::int64_t>(row.requests)}};
        one["memory_bytes"] = row.memory_bytes ? json::Value(row.memory_bytes) : json::Value();
        models.push_back(std::move(one));
    }
    return {{"url", url}, {"over_s", seconds(over)}, {"models", std::move(models)}};
}

}  // namespace hf::cli
