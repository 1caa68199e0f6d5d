#include "base/text.h"
#include "serve/conform/asks.h"
#include "serve/conform/cases.h"
#include "serve/conform/judges.h"
#include "serve/conform/sources.h"
#include "serve/grpc/gzip.h"

namespace hf::serve::conform {
namespace {

constexpr const char* kEncoding = "Content-Encoding";
constexpr std::size_t kUnpackedBytesMax = 256u << 20;

Case typed(std::string name, std::string asks, std::string type) {
    return {std::move(name), std::move(asks), source::kMediaType,
            infer(set_header("Content-Type", std::move(type))), infers()};
}

// 415 is what HTTP has for a type that is not taken; servers may look at the type or not.
Case odd_type(std::string name, std::string asks, std::string type) {
    Case one = typed(std::move(name), std::move(asks), std::move(type));
    one.judge = either();
    return one;
}

Edit without_type() {
    return [](const Subject&, Draft& draft) -> Status {
        draft.headers.remove("Content-Type");
        return {};
    };
}

Edit accept(std::string value) {
    return set_header("Accept", std::move(value));
}

Edit packed(bool cut) {
    return [cut](const Subject&, Draft& draft) -> Status {
        draft.headers.set(kEncoding, "gzip");
        draft.rewrite = [cut](const std::string& json) {
            const Bytes body = grpc::gzip(as_bytes(json));
            return std::string(as_text(body).substr(0, cut ? body.size() / 2 : body.size()));
        };
        return {};
    };
}

std::string coding_of(const http::WireAnswer& answer) {
    return to_lower(trim(answer.response.headers.get(kEncoding).value_or("identity")));
}

// As it is, or packed as the client may take it.
Status is_taken_coding(const Subject& subject, const Answers& answers) {
    const http::WireAnswer& answer = answers.front();
    const std::string coding = coding_of(answer);
    if (coding == "identity") return read_inference(subject, answer).status();
    if (coding != "gzip") return invalid_argument("Content-Encoding {} was not asked for", coding);
    http::WireAnswer plain = answer;
    plain.response.body = HF_TRY(grpc::gunzip(answer.response.body, kUnpackedBytesMax));
    return read_inference(subject, plain).status();
}

Status is_identity(const Subject& subject, const Answers& answers) {
    const std::string coding = coding_of(answers.front());
    if (coding != "identity") {
        return invalid_argument("Content-Encoding {} was not asked for", coding);
    }
    return read_inference(subject, answers.front()).status();
}

Status error_says_json(const Subject&, const Answers& answers) {
    HF_TRY(check_error(answers.front()));
    const std::string_view type = answers.front().response.headers.get("Content-Type").value_or("");
    if (to_lower(type).find("json") != std::string::npos) return {};
    return invalid_argument("Content-Type '{}' where JSON is wanted", type);
}

Status says_json(const Subject& subject, const Answers& answers) {
    HF_TRY(read_inference(subject, answers.front()));
    const std::string_view type = answers.front().response.headers.get("Content-Type").value_or("");
    if (to_lower(type).find("json") != std::string::npos) return {};
    return invalid_argument("Content-Type '{}' where JSON is wanted", type);
}

}  // namespace

std::vector<Case> content_cases() {
    return {
        {"answer_type", "an answer in JSON says so", source::kMediaType, infer(), says_json},
        {"error_type", "an error says that it is JSON", source::kMediaType, infer_text("{"),
         error_says_json},
        typed("json", "application/json is answered", "application/json"),
        typed("json_charset", "and with a charset", "application/json; charset=utf-8"),
        {"json_upper_case", "and in capitals", source::kMediaTypeCase,
         infer(set_header("Content-Type", "Application/JSON")), infers()},
        {"no_type", "a body without Content-Type is answered, or refused", source::kMediaType,
         infer(without_type()), either()},
        odd_type("text", "text/plain is answered, or refused", "text/plain"),
        odd_type("xml", "text/xml is answered, or refused", "text/xml"),
        odd_type("form", "a form's type is answered, or refused",
                 "application/x-www-form-urlencoded"),
        odd_type("no_media_type", "a type that is none is answered, or refused", "json"),
        {"accept_json", "Accept: application/json is answered", source::kAccept,
         infer(accept("application/json")), infers()},
        {"accept_all", "so is Accept: */*", source::kAccept, infer(accept("*/*")), infers()},
        {"accept_other", "Accept of what JSON is not is answered, or a 406", source::kAccept,
         infer(accept("image/png")), infers_or({406})},
        {"coding_gzip", "Accept-Encoding: gzip is answered as it is, or in gzip",
         source::kAcceptEncoding, infer(set_header("Accept-Encoding", "gzip")), is_taken_coding},
        {"coding_identity", "Accept-Encoding: identity is answered as it is",
         source::kAcceptEncoding, infer(set_header("Accept-Encoding", "identity")), is_identity},
        {"coding_not_gzip", "gzip;q=0 is not answered in gzip", source::kAcceptEncoding,
         infer(set_header("Accept-Encoding", "gzip;q=0")), is_identity},
        {"coding_none", "without Accept-Encoding the answer can be read as it is",
         source::kAcceptEncoding, infer(), is_identity},
        {"gzip", "a body in gzip is answered, or refused", source::kContentEncoding,
         infer(packed(false)), either()},
        {"gzip_cut", "a body in gzip that is cut is an error", source::kContentEncoding,
         then_live(infer(packed(true))), and_lives(refuses())},
        {"gzip_not", "a body that says gzip and is JSON is an error, or read as it is",
         source::kContentEncoding, infer(set_header(kEncoding, "gzip")), either()},
        {"coding_unknown", "an unknown coding is an error, or read as it is",
         source::kContentEncoding, infer(set_header(kEncoding, "not-a-coding")), either()},
        {"identity", "the coding identity is answered, or refused", source::kContentEncoding,
         infer(set_header(kEncoding, "identity")), either()},
    };
}

}  // namespace hf::serve::conform
