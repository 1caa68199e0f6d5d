#include "serve/conform/run.h"

#include <algorithm>

#include "base/text.h"
#include "serve/conform/asks.h"
#include "serve/conform/cases.h"
#include "serve/conform/judges.h"

namespace hf::serve::conform {
namespace {

class Runner {
public:
    Runner(http::WireClient& client, const Options& options) : client_(client), options_(options) {}

    // Everything that cases are made from.
    Status prepare() {
        subject_ = HF_TRY(subject_at(options_.url));
        subject_.headers = options_.headers;
        Result<http::WireAnswer> server = ask(get("/v2"));
        if (!server.ok()) return unreachable(server.status());
        read_server(as_text(server->response.body), subject_);
        subject_.model = options_.model.empty() ? HF_TRY(only_model()) : options_.model;
        const http::WireAnswer model = HF_TRY(ask(get("/v2/models/{model}")));
        if (!model.answered() || model.response.status != 200) {
            return not_found("{} has no model '{}' ({}); name one that it serves with --model",
                             options_.url, subject_.model, describe(model));
        }
        read_model(as_text(model.response.body), subject_);
        return subject_.trouble.empty() ? find_extents() : Status();
    }

    Result<Report> judge_all() {
        Report report{subject_.model, {}};
        for (const Case& one : all_cases()) {
            if (full_name(one).find(options_.filter) == std::string::npos) continue;
            report.outcomes.push_back(HF_TRY(judge(one)));
        }
        return report;
    }

private:
    Result<http::WireAnswer> ask(const Ask& asks) {
        const Turns turns = HF_TRY(asks(subject_));
        const Answers answers = HF_TRY(client_.exchange(subject_.origin, turns, options_.pulse));
        return answers.front();
    }

    Status unreachable(const Status& status) const {
        if (status.code() != Code::kUnavailable && status.code() != Code::kDeadlineExceeded) {
            return status;
        }
        return Status(status.code(),
                      fmt::format("{}; start the server, or give the address where it listens",
                                  status.message()));
    }

    // What the server lists, by the index of a repository or the list that some servers have.
    Result<std::vector<std::string>> listed_models() {
        const http::WireAnswer index = HF_TRY(ask(request("POST", "/v2/repository/index", "{}")));
        const http::WireAnswer list = HF_TRY(ask(get("/v2/models")));
        std::vector<std::string> names;
        for (const http::WireAnswer* answer : {&index, &list}) {
            Result<json::Value> root = json::parse(as_text(answer->response.body));
            const bool usable = answer->answered() && answer->response.status == 200 && root.ok();
            if (!usable || !names.empty()) continue;
            const json::Array* models = root->if_array();
            if (!models) models = json::find_array(*root, "models");
            for (const json::Value& model : models ? *models : json::Array()) {
                const std::string_view name = model.is_string() ? json::as_view(model.get_string())
                                                                : json::get_string(model, "name");
                const bool known = std::find(names.begin(), names.end(), name) != names.end();
                if (!name.empty() && !known) names.emplace_back(name);
            }
        }
        return names;
    }

    Result<std::string> only_model() {
        const std::vector<std::string> names = HF_TRY(listed_models());
        if (names.size() == 1) return names.front();
        if (names.empty()) {
            return invalid_argument("{} lists no model; name one with --model", options_.url);
        }
        return invalid_argument("{} has several models; name one with --model: {}", options_.url,
                                join(names, ", "));
    }

    // The first extents with which an inference is answered.
    Status find_extents() {
        std::string came;
        for (const std::int64_t extent : kExtentsTried) {
            if (!fill_open_extents(subject_, extent)) break;
            const http::WireAnswer answer = HF_TRY(ask(infer()));
            if (answer.answered() && answer.response.status == 200) return {};
            if (came.empty()) came = describe(answer);
            if (subject_.announces("sequence") && HF_TRY(answers_sequences())) return {};
            if (!has_open_extents(subject_)) break;
        }
        fill_open_extents(subject_, kExtentsTried[0]);
        subject_.trouble =
            fmt::format("an inference made from the model's metadata was not answered: {}", came);
        return {};
    }

    // Whether the model answers a sequence of one request, where it answers nothing else.
    Result<bool> answers_sequences() {
        const json::Object whole{
            {"sequence_id", 1}, {"sequence_start", true}, {"sequence_end", true}};
        const http::WireAnswer answer = HF_TRY(ask(infer_in_sequence(whole)));
        if (!answer.answered() || answer.response.status != 200) return false;
        subject_.keeps_state = true;
        subject_.trouble =
            "the model keeps state, and answers requests of sequences alone, which the group "
            "sequence sends";
        return true;
    }

    Result<Outcome> judge(const Case& one) {
        const Result<Turns> turns = one.ask(subject_);
        if (!turns.ok()) return outcome_of(one, turns.status(), {});
        const Result<Answers> answers = client_.exchange(subject_.origin, *turns, options_.pulse);
        if (answers.ok()) return outcome_of(one, one.judge(subject_, *answers), *answers);
        // A signal ends the run; a server that is gone is its own fault.
        if (answers.status().code() == Code::kCancelled) return answers.status();
        return outcome_of(one, unavailable("{}", answers.status().message()), {});
    }

    http::WireClient& client_;
    const Options& options_;
    Subject subject_;
};

std::string what_came(const Answers& answers) {
    if (answers.empty()) return {};
    std::string text = describe(answers.front());
    for (std::size_t i = 1; i < answers.size(); ++i) {
        const http::WireAnswer& answer = answers[i];
        if (answer.what == http::WireAnswer::What::kLeftOut) continue;
        text += answer.answered() ? fmt::format(", then {}", answer.response.status)
                                  : fmt::format(", then {}", answer.trouble);
    }
    return text;
}

}  // namespace

std::size_t Report::count(Outcome::Verdict verdict) const {
    return static_cast<std::size_t>(
        std::count_if(outcomes.begin(), outcomes.end(),
                      [verdict](const Outcome& one) { return one.verdict == verdict; }));
}

std::string_view verdict_name(Outcome::Verdict verdict) {
    switch (verdict) {
        case Outcome::Verdict::kPassed: return "passed";
        case Outcome::Verdict::kFailed: return "failed";
        case Outcome::Verdict::kSkipped: return "skipped";
    }
    return "failed";
}

Outcome outcome_of(const Case& one, const Status& status, const Answers& answers) {
    Outcome outcome{full_name(one), one.group, one.asks, one.source};
    const std::string came = what_came(answers);
    if (status.ok()) {
        outcome.verdict = Outcome::Verdict::kPassed;
        outcome.came = came;
    } else if (status.code() == Code::kFailedPrecondition) {
        outcome.verdict = Outcome::Verdict::kSkipped;
        outcome.came = status.message();
    } else {
        outcome.verdict = Outcome::Verdict::kFailed;
        outcome.came =
            fmt::format("{}{}{}", status.message(), came.empty() ? "" : "; came: ", came);
    }
    return outcome;
}

Result<Report> run(http::WireClient& client, const Options& options) {
    Runner runner(client, options);
    HF_TRY(runner.prepare());
    return runner.judge_all();
}

}  // namespace hf::serve::conform
