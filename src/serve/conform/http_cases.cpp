#include "serve/conform/asks.h"
#include "serve/conform/cases.h"
#include "serve/conform/judges.h"
#include "serve/conform/sources.h"

namespace hf::serve::conform {
namespace {

constexpr const char* kLive = "/v2/health/live";
constexpr const char* kHeadOfLive = "GET {base}/v2/health/live HTTP/1.1\r\n";

// A GET of the live endpoint with these lines of header.
Ask live_with(std::string_view lines) {
    return raw(fmt::format("GET {{base}}{} HTTP/1.1\r\n{{host}}{}\r\n", kLive, lines));
}

std::string after_head_of_live(std::string_view lines) {
    return fmt::format("{}{}", kHeadOfLive, lines);
}

// Refused, and the server lives.
Case refused(std::string name, std::string asks, source::Text from, std::string text) {
    return {std::move(name), std::move(asks), from, then_live(raw(std::move(text))),
            and_lives(refused_by_http())};
}

Case refused_head(std::string name, std::string asks, source::Text from, std::string_view lines) {
    return {std::move(name), std::move(asks), from, then_live(live_with(lines)),
            and_lives(refused_by_http())};
}

Status no_server_error(const Subject&, const Answers& answers) {
    return answers.front().what == http::WireAnswer::What::kClosed
               ? Status()
               : status_from(200, 499)({}, answers);
}

// HEAD may be refused where only GET is in the table; when it is answered, then as GET is.
Status head_as_get(const Subject&, const Answers& answers) {
    const http::WireAnswer& head = answers[0];
    HF_TRY(status_from(200, 599)({}, answers));
    if (head.response.status >= 400) return failed_precondition("HEAD is refused");
    if (!answers[1].answered()) return invalid_argument("after HEAD: {}", answers[1].trouble);
    if (head.response.status == answers[1].response.status) return {};
    return invalid_argument("HEAD is a {} and GET a {}", head.response.status,
                            answers[1].response.status);
}

Status same_length(const Subject& subject, const Answers& answers) {
    HF_TRY(head_as_get(subject, answers));
    const std::optional<std::string_view> head = answers[0].response.headers.get("Content-Length");
    if (!head) return failed_precondition("HEAD tells no Content-Length");
    const std::string size = fmt::format("{}", answers[1].response.body.size());
    return *head == size ? Status() : invalid_argument("HEAD says {} and GET has {}", *head, size);
}

// HEAD and GET on one connection: a body after HEAD would be taken for the answer to GET.
Ask head_then_get(std::string path) {
    return [path = std::move(path)](const Subject& subject) -> Result<Turns> {
        Turns turns =
            HF_TRY(raw(fmt::format("HEAD {{base}}{} HTTP/1.1\r\n{{host}}\r\n", path))(subject));
        turns.front().for_head = true;
        for (http::WireTurn& turn : HF_TRY(get(path)(subject))) turns.push_back(std::move(turn));
        return turns;
    };
}

Status is_http_1_1(const Subject&, const Answers& answers) {
    HF_TRY(status_is(200)({}, answers));
    if (answers.front().minor_version == 1) return {};
    return invalid_argument("HTTP/1.{} where 1.1 was asked", answers.front().minor_version);
}

Status has_no_chunks(const Subject&, const Answers& answers) {
    HF_TRY(status_is(200)({}, answers));
    const auto coding = answers.front().response.headers.get("Transfer-Encoding");
    return coding ? invalid_argument("Transfer-Encoding {} to HTTP/1.0", *coding) : Status();
}

// What is no HTTP, or not all of it.
std::vector<Case> malformed() {
    return {
        refused("no_host", "HTTP/1.1 without Host is refused", source::kHost,
                after_head_of_live("\r\n")),
        refused("two_hosts", "two Host fields are refused", source::kHost,
                after_head_of_live("Host: a\r\nHost: b\r\n\r\n")),
        refused_head("space_before_colon", "a space before the colon is refused",
                     source::kFieldSpace, "X-Not-Defined : 1\r\n"),
        refused_head("field_without_colon", "a field without a colon is refused",
                     source::kRequestLine, "this is no field\r\n"),
        refused_head("field_without_name", "a field without a name is refused",
                     source::kRequestLine, ": 1\r\n"),
        {"folded_field", "a folded field is refused, or read as one", source::kFieldLines,
         then_live(live_with("X-Not-Defined: 1\r\n  2\r\n")), and_lives(no_server_error)},
        {"nul_in_field", "a NUL in a value is refused, or replaced", source::kFieldValue,
         then_live(live_with(std::string_view("X-Not-Defined: a\0b\r\n", 20))),
         and_lives(no_server_error)},
        {"large_field", "a field of 1 MiB is answered, a 4xx, or the end", source::kFieldLimit,
         then_live(live_with("X-Not-Defined: " + std::string(1U << 20, 'x') + "\r\n")),
         and_lives(no_server_error)},
        refused("no_http", "what is no request is refused", source::kRequestLine,
                "this is not HTTP at all\r\n\r\n"),
        refused("no_target", "a request line without a target is refused", source::kRequestLine,
                "GET HTTP/1.1\r\n{host}\r\n"),
        refused("no_version", "a version that is none is refused", source::kRequestLine,
                "GET {base}/v2 HTTX/1.1\r\n{host}\r\n"),
        refused("bytes", "so are bytes of any kind", source::kRequestLine,
                std::string("\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n", 15)),
        {"empty_line", "an empty line in front is ignored, or refused", source::kEmptyLine,
         then_live(raw("\r\nGET {base}/v2/health/live HTTP/1.1\r\n{host}\r\n")),
         and_lives(no_server_error)},
    };
}

}  // namespace

std::vector<Case> http_cases() {
    std::vector<Case> cases{
        {"version", "a request of HTTP/1.1 is answered in it", source::kVersion, get(kLive),
         is_http_1_1},
        {"head_live", "HEAD is answered as GET, without a body; or refused", source::kHead,
         head_then_get(kLive), head_as_get},
        {"head_server", "so it is of the server's metadata", source::kHead, head_then_get("/v2"),
         head_as_get},
        {"head_model", "and of the model's", source::kHead, head_then_get("/v2/models/{model}"),
         head_as_get},
        {"head_length", "its Content-Length, where it is given, is that of GET",
         source::kHeadLength, head_then_get("/v2/models/{model}"), same_length},
        {"absolute_target", "a target with scheme and host is answered", source::kTargetForm,
         [](const Subject& subject) -> Result<Turns> {
             return raw(fmt::format("GET {}{{base}}{} HTTP/1.1\r\n{{host}}\r\n", subject.origin,
                                    kLive))(subject);
         },
         status_is(200)},
        {"field_case", "names of fields go in any case", source::kFieldCase,
         [](const Subject& subject) -> Result<Turns> {
             Turns turns = HF_TRY(raw(after_head_of_live("{host}\r\n"))(subject));
             std::string& bytes = turns.front().bytes;
             bytes.replace(bytes.find("Host:"), 5, "hOSt:");
             return turns;
         },
         status_is(200)},
        {"unknown_field", "a field nobody defined is ignored", source::kFieldUnknown,
         live_with("X-Not-Defined: 1\r\n"), status_is(200)},
        {"blanks_around_value", "blanks around a value are no part of it", source::kFieldLines,
         live_with("Accept: \t */* \t \r\n"), status_is(200)},
        {"empty_field", "an empty value is a value", source::kFieldLines,
         live_with("X-Not-Defined:\r\n"), status_is(200)},
        {"many_fields", "fifty fields are answered, or a 4xx", source::kFieldLimit, live_with([] {
             std::string lines;
             for (int i = 0; i < 50; ++i) lines += fmt::format("X-Not-Defined-{}: 1\r\n", i);
             return lines;
         }()),
         no_server_error},
        {"old_client", "HTTP/1.0 is answered, and without chunks", source::kOldClient,
         raw("GET {base}/v2/health/live HTTP/1.0\r\n{host}\r\n"), has_no_chunks},
        {"old_client_infer", "so is an inference", source::kOldClient,
         raw("POST {base}/v2/models/{model}/infer HTTP/1.0\r\n{host}Content-Type: "
             "application/json\r\nContent-Length: {length}\r\n\r\n{body}"),
         both({has_no_chunks, infers()})},
    };
    for (Case& one : malformed()) cases.push_back(std::move(one));
    return cases;
}

}  // namespace hf::serve::conform
