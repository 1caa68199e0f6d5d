// What a server of HTTP/2 sends to a client that has asked, in pieces whose sizes the first bytes
// choose: the client comes to an end or wants more, and holds no more than it was sent.

#include <algorithm>

#include "base/check.h"
#include "http/grpc_wire.h"
#include "http/http2_question.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    constexpr std::size_t kPieces = 4;
    if (size < kPieces) return 0;
    hf::ByteView bytes(data + kPieces, size - kPieces);
    hf::http::Http2Question question;
    const hf::Bytes body(100, 'x');
    question.ask({{":method", "POST"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}},
                 body);
    std::size_t came = 0;
    for (std::size_t i = 0; !bytes.empty() && !question.is_over(); ++i) {
        while (!question.take_output().empty()) {
        }
        const std::size_t piece = std::min<std::size_t>(bytes.size(), 1u + data[i % kPieces]);
        question.receive(bytes.first(piece));
        bytes = bytes.subspan(piece);
        came += question.take_body().size();
    }
    HF_CHECK(came <= size);
    if (question.is_over() && question.trouble().ok()) {
        (void)hf::http::grpc::status_of(question.answer());
    }
    return 0;
}
