#include "serve/conform/asks.h"
#include "serve/conform/cases.h"
#include "serve/conform/judges.h"
#include "serve/conform/sources.h"

namespace hf::serve::conform {
namespace {

using What = http::WireAnswer::What;

constexpr const char* kInferHead =
    "POST {base}/v2/models/{model}/infer HTTP/1.1\r\n{host}Content-Type: application/json\r\n";

std::string with_head(std::string_view rest) {
    return kInferHead + std::string(rest);
}

// The request in chunks of so many bytes.
Ask in_chunks(std::size_t size) {
    return [size](const Subject& subject) -> Result<Turns> {
        const std::string body = HF_TRY(fill_places(subject, "{body}"));
        http::WireTurn turn;
        turn.bytes = HF_TRY(fill_places(subject, with_head("Transfer-Encoding: chunked\r\n\r\n")));
        for (std::size_t at = 0; at < body.size(); at += size) {
            const std::string piece = body.substr(at, size);
            turn.bytes += fmt::format("{:x}\r\n{}\r\n", piece.size(), piece);
        }
        turn.bytes += "0\r\n\r\n";
        return Turns{turn};
    };
}

// Chunked, or 411: a server may want the length (RFC 9110, section 15.5.12).
Case chunked(std::string name, std::string asks, source::Text from, Ask ask) {
    return {std::move(name), std::move(asks), from, std::move(ask), infers_or({411})};
}

// An error, the end of the connection, or for a body that never comes, patience: never an answer
// as if all were well. And the server lives.
Case refused(std::string name, std::string asks, source::Text from, std::string_view rest) {
    return {std::move(name), std::move(asks), from, then_live(raw(with_head(rest))),
            and_lives(refused_by_http())};
}

// Nothing comes after those bytes.
Case cut_off(std::string name, std::string asks, std::string_view rest) {
    Ask ask = with_turn(raw(with_head(rest)), [](http::WireTurn& turn) { turn.ends = true; });
    return {std::move(name), std::move(asks), source::kIncomplete, then_live(std::move(ask)),
            and_lives(refused_by_http())};
}

// Refused; or taken by the chunks alone, and then the connection must end.
Status refused_or_closing(const Subject& subject, const Answers& answers) {
    if (refused_by_http()(subject, answers).ok()) return {};
    HF_TRY(status_from(200, 299)(subject, answers));
    return answers.front().keeps_open ? invalid_argument("answered, and the connection goes on")
                                      : Status();
}

Status answered_or_refused(const Subject& subject, const Answers& answers) {
    if (answers.front().what == What::kClosed) return {};
    return either()(subject, answers);
}

}  // namespace

std::vector<Case> framing_cases() {
    return {
        chunked("chunked", "a body in one chunk is answered, or a 411", source::kChunked,
                in_chunks(1U << 20)),
        chunked("small_chunks", "so it is in chunks of 7 bytes", source::kChunked, in_chunks(7)),
        chunked("chunk_extension", "extensions of chunks are ignored", source::kChunkExtension,
                raw(with_head("Transfer-Encoding: chunked\r\n\r\n"
                              "{hexlength};not=\"defined\"\r\n{body}\r\n0\r\n\r\n"))),
        chunked("chunk_zeros", "zeros in front of a chunk's size mean nothing", source::kChunked,
                raw(with_head("Transfer-Encoding: chunked\r\n\r\n"
                              "000{hexlength}\r\n{body}\r\n0\r\n\r\n"))),
        chunked("trailers", "fields after the last chunk are taken or dropped", source::kTrailers,
                raw(with_head("Transfer-Encoding: chunked\r\n\r\n"
                              "{hexlength}\r\n{body}\r\n0\r\nX-Not-Defined: 1\r\n\r\n"))),
        chunked("coding_case", "the coding's name goes in any case", source::kChunked,
                raw(with_head("transfer-encoding: Chunked\r\n\r\n"
                              "{hexlength}\r\n{body}\r\n0\r\n\r\n"))),
        refused("chunk_size_word", "a chunk's size that is no number is refused", source::kChunked,
                "Transfer-Encoding: chunked\r\n\r\nmany\r\n{body}\r\n0\r\n\r\n"),
        refused("chunk_size_negative", "so is one below zero", source::kChunked,
                "Transfer-Encoding: chunked\r\n\r\n-1\r\n{body}\r\n0\r\n\r\n"),
        refused("chunk_size_huge", "so is one beyond 64 bits", source::kChunked,
                "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{body}\r\n0\r\n\r\n"),
        refused("chunk_too_long", "a chunk that is longer than its size is refused",
                source::kChunked, "Transfer-Encoding: chunked\r\n\r\n1\r\n{body}\r\n0\r\n\r\n"),
        refused("coding_unknown", "an unknown transfer coding is refused", source::kCoding,
                "Transfer-Encoding: not-a-coding\r\n\r\n{body}"),
        refused("coding_before_length", "chunked that is not the last coding is refused",
                source::kCoding, "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
        {"both_lengths", "Transfer-Encoding with Content-Length is refused, or ends there",
         source::kBothLengths,
         then_live(raw(with_head("Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n\r\n"
                                 "{hexlength}\r\n{body}\r\n0\r\n\r\n"))),
         and_lives(refused_or_closing)},
        refused("length_word", "a Content-Length that is no number is refused", source::kLength,
                "Content-Length: many\r\n\r\n{body}"),
        refused("length_negative", "so is one below zero", source::kLength,
                "Content-Length: -1\r\n\r\n{body}"),
        refused("length_plus", "so is one with a sign", source::kLength,
                "Content-Length: +{length}\r\n\r\n{body}"),
        refused("length_hexadecimal", "so is one in hexadecimal", source::kLength,
                "Content-Length: 0x{hexlength}\r\n\r\n{body}"),
        refused("length_huge", "so is one beyond 64 bits", source::kLength,
                "Content-Length: 99999999999999999999999999\r\n\r\n{body}"),
        refused("two_lengths", "two of them that differ are refused", source::kLength,
                "Content-Length: {length}\r\nContent-Length: 1\r\n\r\n{body}"),
        {"length_twice", "the same one twice is refused, or read as one", source::kLength,
         then_live(
             raw(with_head("Content-Length: {length}\r\nContent-Length: {length}\r\n\r\n{body}"))),
         and_lives(answered_or_refused)},
        cut_off("no_body", "a body that never comes is no request",
                "Content-Length: {length}\r\n\r\n"),
        cut_off("half_body", "neither is one that ends early",
                "Content-Length: {length}\r\n\r\n{\"inputs\":["),
        cut_off("half_chunk", "neither are chunks that end early",
                "Transfer-Encoding: chunked\r\n\r\n{hexlength}\r\n{\"inputs\":["),
        cut_off("no_last_chunk", "neither are chunks without the last",
                "Transfer-Encoding: chunked\r\n\r\n{hexlength}\r\n{body}\r\n"),
        cut_off("half_header", "neither is half of a header", "Content-Le"),
        {"no_length", "a POST without a length has no body: an error, or a 411", source::kLength,
         then_live(raw(with_head("\r\n"))), and_lives(refused_by_http())},
    };
}

}  // namespace hf::serve::conform
