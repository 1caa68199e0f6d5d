#include "serve/conform/asks.h"
#include "serve/conform/cases.h"
#include "serve/conform/judges.h"
#include "serve/conform/sources.h"

namespace hf::serve::conform {
namespace {

constexpr const char* kExtension = "sequence";
constexpr const char* kTextExtension = "sequence(string_id)";
constexpr std::int64_t kNumber = 7'300'000'001;
constexpr const char* kText = "no-such-sequence-is-here";

// The server may have other models that keep state, and this one none: what such models must refuse
// others may answer.
Ask infer_with(json::Object parameters, const char* extension = kExtension) {
    return when_announced(extension, infer_in_sequence(std::move(parameters)));
}

json::Object mark(json::Value id, bool start, bool end) {
    return {{"sequence_id", std::move(id)}, {"sequence_start", start}, {"sequence_end", end}};
}

// Answered, or refused with the error object, each of them.
Status each_either(const Subject& subject, const Answers& answers) {
    for (const http::WireAnswer& answer : answers) HF_TRY(either()(subject, {answer}));
    return {};
}

Judge all_infer() {
    return [](const Subject& subject, const Answers& answers) -> Status {
        for (const http::WireAnswer& answer : answers) {
            HF_TRY(read_inference(subject, answer).status());
        }
        return {};
    };
}

// A sequence that has begun anew answers as it did the first time.
Status begins_alike(const Subject& subject, const Answers& answers) {
    const AnswerRead first = HF_TRY(read_inference(subject, answers[0]));
    const AnswerRead again = HF_TRY(read_inference(subject, answers[2]));
    return check_same(again, first);
}

}  // namespace

std::vector<Case> sequence_cases() {
    const json::Object start = mark(kNumber, true, false);
    const json::Object middle = mark(kNumber, false, false);
    const json::Object end = mark(kNumber, false, true);
    return {
        {"whole", "a request that starts a sequence and ends it is answered", source::kSequence,
         infer_with(mark(kNumber, true, true)), infers()},
        {"steps", "a start, a request and an end, one after the other, are answered",
         source::kSequence, in_turn({infer_with(start), infer_with(middle), infer_with(end)}),
         all_infer()},
        {"text_id", "the identifier may be a text", source::kSequenceText,
         infer_with(mark(kText, true, true), kTextExtension), infers()},
        {"begins_anew", "a start begins from nothing, also where the sequence has gone on",
         source::kSequenceStart,
         in_turn({infer_with(start), infer_with(middle), infer_with(start), infer_with(end)}),
         begins_alike},
        {"unknown", "a request of a sequence that was not started is answered, or refused",
         source::kSequence, infer_with(mark(kNumber + 1, false, false)), each_either},
        {"none",
         "zero and no identifier are no sequence: answered, or refused by a model that "
         "wants one",
         source::kSequenceNone, in_turn({infer_with({{"sequence_id", 0}}), infer_with({})}),
         each_either},
        {"start_alone", "a start without an identifier is an error", source::kSequenceStart,
         infer_with({{"sequence_start", true}}), refuses()},
        {"end_alone", "so is an end", source::kSequenceEnd, infer_with({{"sequence_end", true}}),
         refuses()},
        {"id_list", "an identifier that is a list is an error", source::kSequenceId,
         infer_with(mark(json::Array(), true, true)), refuses()},
        {"id_negative", "so is one below zero", source::kSequenceId,
         infer_with(mark(-1, true, true)), refuses()},
        {"start_text", "and a start that is a text", source::kSequenceStart,
         infer_with({{"sequence_id", kNumber}, {"sequence_start", "yes"}}), refuses()},
    };
}

}  // namespace hf::serve::conform
