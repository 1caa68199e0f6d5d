#include "serve/conform/asks.h"
#include "serve/conform/cases.h"
#include "serve/conform/judges.h"
#include "serve/conform/sources.h"

namespace hf::serve::conform {
namespace {

using What = http::WireAnswer::What;

constexpr const char* kGetLive = "GET {base}/v2/health/live HTTP/1.1\r\n{host}\r\n";
constexpr const char* kGetServer = "GET {base}/v2 HTTP/1.1\r\n{host}\r\n";
constexpr const char* kPostInfer =
    "POST {base}/v2/models/{model}/infer HTTP/1.1\r\n{host}Content-Type: "
    "application/json\r\nContent-Length: {length}\r\n\r\n{body}";
constexpr const char* kPostBad =
    "POST {base}/v2/models/{model}/infer HTTP/1.1\r\n{host}Content-Type: "
    "application/json\r\nContent-Length: 1\r\n\r\n{";
constexpr const char* kExpect =
    "POST {base}/v2/models/{model}/infer HTTP/1.1\r\n{host}Content-Type: "
    "application/json\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n";

// Every answer but the first on the same connection, unless the one before said that it closes.
Status all_in_order(const Subject&, const Answers& answers) {
    for (std::size_t i = 0; i < answers.size(); ++i) {
        if (answers[i].answered()) continue;
        if (i > 0 && answers[i - 1].answered() && !answers[i - 1].keeps_open) return {};
        return invalid_argument("request {} on the connection: {}", i + 1, answers[i].trouble);
    }
    return {};
}

// The same, and each with that status.
Judge in_order(std::vector<int> statuses) {
    return
        [statuses = std::move(statuses)](const Subject& subject, const Answers& answers) -> Status {
            HF_TRY(all_in_order(subject, answers));
            for (std::size_t i = 0; i < answers.size(); ++i) {
                if (!answers[i].answered()) return {};
                const int status = answers[i].response.status;
                const bool fits = statuses[i] == 400 ? status >= 400 : status == statuses[i];
                if (!fits) return invalid_argument("answer {} has status {}", i + 1, status);
            }
            return {};
        };
}

// Both requests at once; the second turn only waits.
Ask pipelined(std::string first, std::string second) {
    return [first = std::move(first),
            second = std::move(second)](const Subject& subject) -> Result<Turns> {
        Turns turns(2);
        turns[0].bytes = HF_TRY(fill_places(subject, first + second));
        return turns;
    };
}

bool looks_like_server(const http::WireAnswer& answer) {
    Result<json::Object> object = read_object(answer);
    return object.ok() && object->contains("extensions");
}

Status server_then_live(const Subject& subject, const Answers& answers) {
    HF_TRY(in_order({200, 200})(subject, answers));
    if (!looks_like_server(answers[0])) return invalid_argument("the first answer is another's");
    if (!answers[1].answered()) return {};
    return looks_like_server(answers[1]) ? invalid_argument("the second answer is another's")
                                         : Status();
}

// Answered, and then the connection ends without a word.
Status closes(const Subject&, const Answers& answers) {
    HF_TRY(status_is(200)({}, answers));
    if (answers[1].what == What::kClosed) return {};
    return invalid_argument("after its answer: {}", describe(answers[1]));
}

Ask closing(std::string text) {
    return [text = std::move(text)](const Subject& subject) -> Result<Turns> {
        Turns turns(2);
        turns[0].bytes = HF_TRY(fill_places(subject, text));
        return turns;
    };
}

Status says_close(const Subject&, const Answers& answers) {
    HF_TRY(status_is(200)({}, answers));
    return answers.front().keeps_open ? invalid_argument("it says that the connection goes on")
                                      : Status();
}

// The header; then, unless that had a final answer, the body.
Ask expecting() {
    return [](const Subject& subject) -> Result<Turns> {
        Turns turns(2);
        turns[0].bytes = HF_TRY(fill_places(subject, kExpect));
        turns[0].takes_interim = true;
        turns[1].bytes = HF_TRY(fill_places(subject, "{body}"));
        turns[1].unless_answered = true;
        return turns;
    };
}

// 100 or a final status, at once.
Status says_go_on(const Subject&, const Answers& answers) {
    const http::WireAnswer& first = answers.front();
    const bool goes_on = first.what == What::kInterim && first.response.status == 100;
    return goes_on || first.answered() ? Status() : invalid_argument("{}", first.trouble);
}

Status answered_after_all(const Subject& subject, const Answers& answers) {
    if (answers[1].what != What::kLeftOut) return read_inference(subject, answers[1]).status();
    const int status = answers[0].response.status;
    if (status == 417) return {};
    return status == 200 ? read_inference(subject, answers[0]).status() : check_error(answers[0]);
}

}  // namespace

std::vector<Case> connection_cases() {
    return {
        {"persists", "a connection takes another request, or says that it closes",
         source::kPersistent, raw_each({kGetLive, kGetServer}), in_order({200, 200})},
        {"persists_after_infer", "after an inference too", source::kPersistent,
         raw_each({kPostInfer, kGetLive, kPostInfer}), in_order({200, 200, 200})},
        {"persists_after_error", "after an error too", source::kPersistent,
         raw_each({kPostBad, kGetLive}), in_order({400, 200})},
        {"persists_after_unknown", "after an unknown path too", source::kPersistent,
         raw_each({"GET {base}/v2/no-such-path HTTP/1.1\r\n{host}\r\n", kGetLive}),
         in_order({400, 200})},
        {"persists_after_method", "after a method that is not allowed too", source::kPersistent,
         raw_each({"DELETE {base}/v2 HTTP/1.1\r\n{host}Content-Length: 0\r\n\r\n", kGetLive}),
         in_order({400, 200})},
        {"ten_on_one", "ten requests on one connection", source::kPersistent,
         raw_each(std::vector<std::string>(10, kGetLive)), in_order(std::vector<int>(10, 200))},
        {"pipelined", "two requests at once are answered in their order", source::kPipeline,
         pipelined(kGetServer, kGetLive), server_then_live},
        {"pipelined_infer", "so they are behind an inference", source::kPipeline,
         pipelined(kPostInfer, kGetLive), in_order({200, 200})},
        {"close", "Connection: close ends the connection after the answer", source::kClose,
         closing("GET {base}/v2/health/live HTTP/1.1\r\n{host}Connection: close\r\n\r\n"), closes},
        {"close_said", "and the answer says so", source::kClose,
         raw("GET {base}/v2/health/live HTTP/1.1\r\n{host}Connection: close\r\n\r\n"), says_close},
        {"close_case", "in capitals, too", source::kClose,
         closing("GET {base}/v2/health/live HTTP/1.1\r\n{host}Connection: CLOSE\r\n\r\n"), closes},
        {"old_closes", "HTTP/1.0 without keep-alive ends after the answer", source::kPersistent,
         closing("GET {base}/v2/health/live HTTP/1.0\r\n{host}\r\n"), closes},
        {"expect", "Expect: 100-continue gets a 100 or a final status", source::kExpect,
         expecting(), says_go_on},
        {"expect_answered", "and the body that follows is answered; or a 417 came", source::kExpect,
         expecting(), answered_after_all},
        {"expect_unknown", "an unknown expectation is ignored, or a 417", source::kExpect,
         raw("GET {base}/v2/health/live HTTP/1.1\r\n{host}Expect: not-defined\r\n\r\n"),
         status_from(200, 499)},
        {"half_closed", "a client that sends no more still gets its answer, or the end",
         source::kIncomplete,
         with_turn(raw(kGetLive), [](http::WireTurn& turn) { turn.ends = true; }),
         [](const Subject& subject, const Answers& answers) -> Status {
             if (answers.front().what == What::kClosed) return {};
             return status_is(200)(subject, answers);
         }},
    };
}

}  // namespace hf::serve::conform
