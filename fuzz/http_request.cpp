// Requests of HTTP/1.1, as they come from strangers. The first byte is the size of the pieces in
// which they come; whole, the same must come of them.

#include "base/check.h"
#include "http/request_reader.h"

namespace {

struct Outcome {
    bool done = false;
    int refused = 0;
    hf::http::Request request;
};

Outcome read(hf::ByteView bytes, std::size_t piece) {
    static const hf::http::Limits limits = [] {
        hf::http::Limits small;
        small.header_bytes = 1024;
        small.body_bytes = 256;
        return small;
    }();
    hf::http::RequestReader reader(limits);
    std::size_t used = 0;
    std::size_t come = 0;
    while (!reader.done() && !reader.refusal() && come < bytes.size()) {
        come = std::min(bytes.size(), come + piece);
        used += reader.take(bytes.subspan(used, come - used));
        HF_CHECK(used <= come);
    }
    Outcome outcome;
    outcome.done = reader.done();
    if (reader.refusal()) outcome.refused = reader.refusal()->status;
    outcome.request = std::move(reader.request());
    return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const hf::ByteView bytes(data + 1, size - 1);
    const Outcome pieces = read(bytes, std::size_t{1} + data[0] % 64);
    const Outcome whole = read(bytes, bytes.size());
    HF_CHECK(pieces.done == whole.done, "done {} and {}", pieces.done, whole.done);
    HF_CHECK(pieces.refused == whole.refused, "{} and {}", pieces.refused, whole.refused);
    if (whole.refused != 0) return 0;
    HF_CHECK(pieces.request.target == whole.request.target);
    HF_CHECK(pieces.request.headers.all() == whole.request.headers.all());
    HF_CHECK(!whole.done || pieces.request.body == whole.request.body);
    HF_CHECK(pieces.request.body.size() <= 256);
    return 0;
}
