#include "serve/conform/cases.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "serve/conform/asks.h"
#include "serve/conform/echo_model_test.h"
#include "serve/conform/judges.h"

namespace hf::serve::conform {
namespace {

// A server that announces everything, and a model with every datatype.
Subject full_subject() {
    Subject subject = std::move(*subject_at("http://127.0.0.1:8080"));
    subject.extensions = {
        "binary_tensor_data", "model_repository",   "statistics", "system_shared_memory", "trace",
        "sequence",           "sequence(string_id)"};
    subject.model = "every";
    subject.versions = {"1"};
    for (const DType dtype : all_datatypes()) {
        const std::string name(oip_name(dtype));
        subject.inputs.push_back({"in_" + name, dtype, {Shape::kUnknown, 3}, {1, 3}});
        subject.outputs.push_back({"out_" + name, dtype, {Shape::kUnknown, 3}, {}});
    }
    return subject;
}

TEST(ConformCases, NamesAreUniqueAndNothingIsLeftOut) {
    std::set<std::string> names;
    for (const Case& one : all_cases()) {
        EXPECT_TRUE(names.insert(full_name(one)).second) << full_name(one);
        EXPECT_FALSE(one.group.empty());
        EXPECT_FALSE(one.name.empty());
        EXPECT_FALSE(one.asks.empty()) << full_name(one);
        EXPECT_FALSE(one.source.empty()) << full_name(one);
        EXPECT_TRUE(one.ask && one.judge) << full_name(one);
    }
    EXPECT_GE(names.size(), 300u);
}

// With everything announced, a request comes of every case but those that need another model.
TEST(ConformCases, AskSomethingOfAFullServer) {
    const std::set<std::string> need_others{"bad_binary/text_too_long", "datatypes/FP32_claimed"};
    const Subject subject = full_subject();
    for (const Case& one : all_cases()) {
        Result<Turns> turns = one.ask(subject);
        if (need_others.contains(full_name(one))) {
            EXPECT_FALSE(turns.ok()) << full_name(one);
            continue;
        }
        ASSERT_TRUE(turns.ok()) << full_name(one) << ": " << turns.status().to_string();
        EXPECT_FALSE(turns->empty()) << full_name(one);
        EXPECT_FALSE(turns->front().bytes.empty()) << full_name(one);
    }
}

TEST(ConformCases, SkipWhatCannotBeAsked) {
    Subject subject = full_subject();
    subject.trouble = "no inference";
    subject.extensions.clear();
    subject.versions.clear();
    for (const Case& one : all_cases()) {
        Result<Turns> turns = one.ask(subject);
        const bool skipped = turns.status().code() == Code::kFailedPrecondition;
        EXPECT_TRUE(turns.ok() || skipped) << full_name(one) << turns.status().to_string();
    }
}

// No case passes whatever comes: a closed connection or a 200 with nothing in it fails each, as far
// as it judges at all.
TEST(ConformCases, EveryCaseCanFail) {
    const Subject subject = full_subject();
    http::WireAnswer silence;
    silence.what = http::WireAnswer::What::kTimedOut;
    silence.trouble = "no answer in time";
    for (const Case& one : all_cases()) {
        Result<Turns> turns = one.ask(subject);
        if (!turns.ok()) continue;
        const Answers answers(turns->size(), silence);
        const Status status = one.judge(subject, answers);
        EXPECT_FALSE(status.ok()) << full_name(one);
    }
}

// Whoever gives the same object to everything passes no case of a refusal.
TEST(ConformCases, RefusalsWantRefusals) {
    const Subject subject = full_subject();
    http::WireAnswer fine;
    fine.what = http::WireAnswer::What::kAnswered;
    fine.response = http::Response::json(200, R"({"model_name":"every","outputs":[]})");
    for (const Case& one : all_cases()) {
        const bool refusal = one.asks.ends_with("is an error") && one.group.starts_with("bad_");
        Result<Turns> turns = one.ask(subject);
        if (!refusal || !turns.ok()) continue;
        EXPECT_FALSE(one.judge(subject, Answers(turns->size(), fine)).ok()) << full_name(one);
    }
}

TEST(ConformCases, JsonThatIsCutIsNoJson) {
    const Subject subject = full_subject();
    std::size_t cut = 0;
    for (const Case& one : all_cases()) {
        if (one.group != "bad_body" || !one.name.starts_with("cut_at_")) continue;
        const std::string text = (*one.ask(subject)).front().bytes;
        EXPECT_FALSE(json::parse(text.substr(text.find("\r\n\r\n") + 4)).ok()) << one.name;
        ++cut;
    }
    EXPECT_EQ(cut, 5u);
}

}  // namespace
}  // namespace hf::serve::conform
