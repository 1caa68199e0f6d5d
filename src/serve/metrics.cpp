#include "serve/metrics.h"

#include "serve/sequence/sequences.h"
#include "serve/sleep/resting.h"

namespace hf::serve {
namespace {

// A model's counts, all taken at one moment, under its labels.
struct Row {
    std::string labels;  // model="...",version="..."
    ModelHost::Counts counts;
    std::uint64_t runs = 0;
    std::size_t waiting = 0;
    std::size_t sequences = 0;
    bool keeps_state = false;
    bool guarded = false;
    bool may_sleep = false;
    bool asleep = false;
    sleep::Wakes wakes = {};
};

void family(std::string& text, std::string_view name, std::string_view type,
            std::string_view help) {
    text += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

void histogram(std::string& text, const Row& row) {
    constexpr std::string_view kName = "holdfast_inference_duration_seconds";
    std::uint64_t cumulative = 0;
    for (std::size_t i = 0; i < row.counts.buckets.size(); ++i) {
        cumulative += row.counts.buckets[i];
        const std::string bound =
            i < kLatencyBounds.size() ? fmt::format("{}", kLatencyBounds[i]) : "+Inf";
        text += fmt::format("{}_bucket{{{},le=\"{}\"}} {}\n", kName, row.labels, bound, cumulative);
    }
    text += fmt::format("{}_sum{{{}}} {}\n", kName, row.labels, row.counts.seconds);
    text += fmt::format("{}_count{{{}}} {}\n", kName, row.labels, cumulative);
}

// Of the models that have a guard, or all of a kind would be zeros.
void guards(std::string& text, const std::vector<Row>& rows) {
    family(text, "holdfast_guard_verdicts_total", "counter",
           "Requests by what the model's guard said, and the first reason.");
    for (const Row& row : rows) {
        if (!row.guarded) continue;
        const auto verdict = [&](std::string_view name, std::string_view reason,
                                 std::uint64_t count) {
            text +=
                fmt::format("holdfast_guard_verdicts_total{{{},verdict=\"{}\",reason=\"{}\"}} {}\n",
                            row.labels, name, reason, count);
        };
        verdict("pass", "", row.counts.guard_passed);
        for (std::size_t i = 0; i < guard::kReasonCount; ++i) {
            const std::string_view reason = guard::reason_name(static_cast<guard::Reason>(i));
            verdict("suspicious", reason, row.counts.guard_suspicious[i]);
            verdict("refused", reason, row.counts.guard_refused[i]);
        }
    }
    family(text, "holdfast_guard_seconds_total", "counter",
           "Time that guards took, runs of the model for them included.");
    for (const Row& row : rows) {
        if (!row.guarded) continue;
        text += fmt::format("holdfast_guard_seconds_total{{{}}} {}\n", row.labels,
                            row.counts.guard_seconds);
    }
}

// Of the models that may fall asleep.
void sleeping(std::string& text, const std::vector<Row>& rows) {
    family(text, "holdfast_model_sleeping", "gauge",
           "Whether a model's memory has gone until the next request.");
    for (const Row& row : rows) {
        if (!row.may_sleep) continue;
        text += fmt::format("holdfast_model_sleeping{{{}}} {}\n", row.labels, row.asleep ? 1 : 0);
    }
    family(text, "holdfast_model_wakes_total", "counter", "Models woken by a request.");
    for (const Row& row : rows) {
        if (!row.may_sleep) continue;
        text += fmt::format("holdfast_model_wakes_total{{{},outcome=\"succeeded\"}} {}\n",
                            row.labels, row.wakes.count);
        text += fmt::format("holdfast_model_wakes_total{{{},outcome=\"failed\"}} {}\n", row.labels,
                            row.wakes.failed);
    }
    family(text, "holdfast_model_wake_seconds_total", "counter",
           "Time that waking took, where it succeeded.");
    for (const Row& row : rows) {
        if (!row.may_sleep) continue;
        text += fmt::format("holdfast_model_wake_seconds_total{{{}}} {}\n", row.labels,
                            row.wakes.seconds);
    }
}

Row row_of(const ModelHost& host, const std::string& name) {
    Row row{fmt::format("model=\"{}\",version=\"{}\"", metric_label(name),
                        metric_label(host.identity().version)),
            host.counts(), host.statistics().executions, host.waiting()};
    row.guarded = host.guard() != nullptr;
    if (const sleep::Resting* const resting = host.resting()) {
        row.may_sleep = true;
        row.asleep = resting->asleep();
        row.wakes = resting->wakes();
    }
    if (const sequence::Sequences* const sequences = host.sequences()) {
        row.keeps_state = true;
        row.sequences = sequences->size();
    }
    return row;
}

// Members that are only one model's are told of below its name, which is nobody's name: "a/b".
std::vector<Row> rows_of(const Models& models) {
    std::vector<Row> rows;
    for (const std::shared_ptr<ModelHost>& host : models.all()) {
        const std::string& name = host->identity().name;
        rows.push_back(row_of(*host, name));
        for (const std::shared_ptr<ModelHost>& member : host->members()) {
            rows.push_back(row_of(*member, fmt::format("{}/{}", name, member->identity().name)));
        }
    }
    return rows;
}

}  // namespace

std::string metric_label(std::string_view text) {
    std::string out;
    for (char c : text) {
        if (c == '\\' || c == '"') out += '\\';
        out += c == '\n' ? std::string("\\n") : std::string(1, c);
    }
    return out;
}

std::string models_metrics(const Models& models) {
    const std::vector<Row> rows = rows_of(models);
    std::string text;
    family(
        text, "holdfast_inference_requests_total", "counter",
        "Inference requests by outcome; refused ones did not reach the model, cached ones needed "
        "not.");
    for (const Row& row : rows) {
        const auto outcome = [&text, &labels = row.labels](std::string_view name,
                                                           std::uint64_t count) {
            text += fmt::format("holdfast_inference_requests_total{{{},outcome=\"{}\"}} {}\n",
                                labels, name, count);
        };
        outcome("succeeded", row.counts.succeeded);
        outcome("failed", row.counts.failed);
        outcome("refused", row.counts.refused);
        outcome("cached", row.counts.cached);
    }
    family(text, "holdfast_comparisons_total", "counter",
           "Answers held against the previous version's, by whether they agree.");
    for (const Row& row : rows) {
        const auto agreement = [&](std::string_view agrees, std::uint64_t count) {
            text += fmt::format("holdfast_comparisons_total{{{},agrees=\"{}\"}} {}\n", row.labels,
                                agrees, count);
        };
        agreement("true", row.counts.agreed);
        agreement("false", row.counts.compared - row.counts.agreed);
    }
    family(text, "holdfast_inference_duration_seconds", "histogram",
           "Time in the model, without transport.");
    for (const Row& row : rows) histogram(text, row);
    guards(text, rows);
    family(text, "holdfast_inferences_in_flight", "gauge", "Inferences that run now.");
    for (const Row& row : rows) {
        text += fmt::format("holdfast_inferences_in_flight{{{}}} {}\n", row.labels,
                            row.counts.in_flight);
    }
    family(text, "holdfast_inferences_waiting", "gauge", "Requests that wait for their turn.");
    for (const Row& row : rows) {
        text += fmt::format("holdfast_inferences_waiting{{{}}} {}\n", row.labels, row.waiting);
    }
    family(text, "holdfast_inference_runs_total", "counter",
           "Runs of the model that succeeded; requests that ran together share one.");
    for (const Row& row : rows) {
        text += fmt::format("holdfast_inference_runs_total{{{}}} {}\n", row.labels, row.runs);
    }
    family(text, "holdfast_sequences", "gauge", "Sequences of models that keep state.");
    for (const Row& row : rows) {
        if (!row.keeps_state) continue;
        text += fmt::format("holdfast_sequences{{{}}} {}\n", row.labels, row.sequences);
    }
    sleeping(text, rows);
    family(text, "holdfast_models", "gauge", "Versions of models that are served.");
    text += fmt::format("holdfast_models {}\n", rows.size());
    family(text, "holdfast_models_draining", "gauge",
           "Replaced or removed models that still answer requests they began.");
    text += fmt::format("holdfast_models_draining {}\n", models.draining());
    family(text, "holdfast_unknown_model_requests_total", "counter",
           "Requests for a model that is not served here.");
    text += fmt::format("holdfast_unknown_model_requests_total {}\n", models.unknown());
    return text;
}

}  // namespace hf::serve
