#include <algorithm>

#include "serve/conform/asks.h"
#include "serve/conform/cases.h"
#include "serve/conform/judges.h"
#include "serve/conform/sources.h"

namespace hf::serve::conform {
namespace {

constexpr const char* kStatistics = "statistics";
constexpr const char* kModel = "/v2/models/{model}/stats";
constexpr const char* kVersioned = "/v2/models/{model}/versions/{version}/stats";
constexpr const char* kAll = "/v2/models/stats";

Ask statistics(std::string path) {
    return when_announced(kStatistics, get(std::move(path)));
}

using RowLook = std::function<Status(const Subject& subject, const json::Value& row)>;

// The rows of $stats_model_response; at least one, since the subject's model is there.
Result<json::Array> read_rows(const http::WireAnswer& answer) {
    const json::Object object = HF_TRY(read_object(answer));
    const json::Value* rows = object.if_contains("model_stats");
    if (!rows || !rows->is_array()) return invalid_argument("/model_stats: want an array");
    if (rows->get_array().empty()) return invalid_argument("/model_stats: is empty");
    return rows->get_array();
}

Judge each_row(RowLook look) {
    return [look = std::move(look)](const Subject& subject, const Answers& answers) -> Status {
        const json::Array rows = HF_TRY(read_rows(answers.front()));
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const Status status = look(subject, rows[i]);
            if (!status.ok()) return invalid_argument("/model_stats/{}{}", i, status.message());
        }
        return {};
    };
}

Status is_row(const Subject&, const json::Value& row) {
    return row.is_object() ? Status() : invalid_argument(": want an object");
}

Status is_named(const Subject& subject, const json::Value& row) {
    if (json::get_string(row, "name") == subject.model) return {};
    return invalid_argument("/name: want '{}'", subject.model);
}

Status has_version(const Subject&, const json::Value& row) {
    const json::Value* version = json::find(row, "version");
    return !version || version->is_string() ? Status()
                                            : invalid_argument("/version: want a string");
}

Status is_of_the_version(const Subject& subject, const json::Value& row) {
    HF_TRY(is_named(subject, row));
    const std::string_view version = json::get_string(row, "version", subject.versions.front());
    if (version == subject.versions.front()) return {};
    return invalid_argument("/version: want '{}'", subject.versions.front());
}

Result<std::uint64_t> read_count(const json::Value& at, std::string_view key) {
    const json::Value* value = json::find(at, key);
    if (value && value->is_uint64()) return value->get_uint64();
    if (value && value->is_int64() && value->get_int64() >= 0) {
        return static_cast<std::uint64_t>(value->get_int64());
    }
    return invalid_argument("/{}: want a number of at least 0", key);
}

RowLook has_count(std::string key) {
    return [key = std::move(key)](const Subject&, const json::Value& row) -> Status {
        return read_count(row, key).status();
    };
}

Status check_duration(const json::Value& at, std::string_view key) {
    const json::Object* duration = json::find_object(at, key);
    if (!duration) return invalid_argument("/{}: want an object", key);
    for (const std::string_view part : {"count", "ns"}) {
        const Status status = read_count(*duration, part).status();
        if (!status.ok()) return invalid_argument("/{}{}", key, status.message());
    }
    return {};
}

RowLook has_duration(std::string key) {
    return [key = std::move(key)](const Subject&, const json::Value& row) -> Status {
        const json::Object* times = json::find_object(row, "inference_stats");
        if (!times) return invalid_argument("/inference_stats: want an object");
        const Status status = check_duration(*times, key);
        if (status.ok()) return {};
        return invalid_argument("/inference_stats{}", status.message());
    };
}

Status has_batches(const Subject&, const json::Value& row) {
    const json::Array* batches = json::find_array(row, "batch_stats");
    if (!batches) return invalid_argument("/batch_stats: want an array");
    for (std::size_t i = 0; i < batches->size(); ++i) {
        Status status = read_count((*batches)[i], "batch_size").status();
        for (const std::string_view key : {"compute_input", "compute_infer", "compute_output"}) {
            if (status.ok()) status = check_duration((*batches)[i], key);
        }
        if (!status.ok()) return invalid_argument("/batch_stats/{}{}", i, status.message());
    }
    return {};
}

Status lists_the_model(const Subject& subject, const Answers& answers) {
    for (const json::Value& row : HF_TRY(read_rows(answers.front()))) {
        if (is_named(subject, row).ok()) return {};
    }
    return invalid_argument("/model_stats: '{}' is not among them", subject.model);
}

// A number of the model's, over all its versions.
using Number = std::function<Result<std::uint64_t>(const json::Value& row)>;

Result<std::uint64_t> sum_of(const http::WireAnswer& answer, const Number& number) {
    std::uint64_t sum = 0;
    for (const json::Value& row : HF_TRY(read_rows(answer))) sum += HF_TRY(number(row));
    return sum;
}

// Statistics, inferences, statistics. Three, since a server may count one only after its answer.
Ask around_inferences() {
    return in_turn({statistics(kModel), infer(), infer(), infer(), statistics(kModel)});
}

Judge grows(Number number) {
    return [number = std::move(number)](const Subject& subject, const Answers& answers) -> Status {
        for (std::size_t i = 1; i + 1 < answers.size(); ++i) {
            HF_TRY(read_inference(subject, answers[i]).status());
        }
        const std::uint64_t before = HF_TRY(sum_of(answers.front(), number));
        const std::uint64_t after = HF_TRY(sum_of(answers.back(), number));
        if (after > before) return {};
        return invalid_argument("{} after three inferences, and {} before", after, before);
    };
}

Result<std::uint64_t> successes(const json::Value& row) {
    const json::Value* success = json::find_path(row, {"inference_stats", "success"});
    if (!success) return invalid_argument("/inference_stats/success: want an object");
    return read_count(*success, "count");
}

// Not when: the server's clock need not be ours. But it was after 2001, and counts milliseconds.
Status last_is_a_time(const Subject&, const Answers& answers) {
    constexpr std::uint64_t kLeast = 1'000'000'000'000;
    constexpr std::uint64_t kMost = 100 * kLeast;
    std::uint64_t last = 0;
    for (const json::Value& row : HF_TRY(read_rows(answers.back()))) {
        last = std::max(last, HF_TRY(read_count(row, "last_inference")));
    }
    if (last >= kLeast && last < kMost) return {};
    return invalid_argument("/last_inference: {} after an inference", last);
}

std::vector<Case> duration_cases() {
    std::vector<Case> cases;
    for (const char* key : {"success", "fail", "queue", "compute_input", "compute_infer",
                            "compute_output", "cache_hit"}) {
        const bool first = cases.empty();
        cases.push_back({key, fmt::format("{} has count and ns, which are numbers", key),
                         first ? source::kStatisticsDuration : source::kStatisticsTimes,
                         statistics(kModel), each_row(has_duration(key))});
    }
    return cases;
}

}  // namespace

std::vector<Case> statistics_cases() {
    std::vector<Case> cases{
        {"model", "statistics of the model are a 200 with model_stats, an array of objects",
         source::kStatistics, statistics(kModel), each_row(is_row)},
        {"all", "those of all models have the model among them", source::kStatisticsAll,
         statistics(kAll), lists_the_model},
        {"name", "those of one model have its name", source::kStatisticsModel, statistics(kModel),
         each_row(is_named)},
        {"version", "and a version, or none", source::kStatisticsModel, statistics(kModel),
         each_row(has_version)},
        {"of_version", "those of a version are its own", source::kStatisticsModel,
         statistics(kVersioned), each_row(is_of_the_version)},
        {"last_inference", "last_inference is a number", source::kStatisticsLast,
         statistics(kModel), each_row(has_count("last_inference"))},
        {"last_inference_time", "after an inference, it counts milliseconds since the epoch",
         source::kStatisticsLast, in_turn({infer(), statistics(kModel)}), last_is_a_time},
        {"inference_count", "inference_count is a number", source::kStatisticsInferences,
         statistics(kModel), each_row(has_count("inference_count"))},
        {"execution_count", "execution_count is a number", source::kStatisticsExecutions,
         statistics(kModel), each_row(has_count("execution_count"))},
        {"batches", "batch_stats is an array of sizes with their durations",
         source::kStatisticsBatches, statistics(kModel), each_row(has_batches)},
        {"success_grows", "inferences that succeed are counted", source::kStatisticsSuccess,
         around_inferences(), grows(successes)},
        {"unknown", "a model that is not there is an error", source::kStatisticsError,
         statistics("/v2/models/no-such-model-is-here/stats"), refuses()},
        {"unknown_version", "so is a version that is not there", source::kStatisticsError,
         statistics("/v2/models/{model}/versions/{version}98765/stats"), refuses()},
    };
    for (Case& one : duration_cases()) cases.push_back(std::move(one));
    return cases;
}

}  // namespace hf::serve::conform
