// What a replica answers to an inference, as a gateway makes a message of gRPC of it: a byte that
// says whether the call was raw, one that says how much of the rest is JSON (in parts of 255; 0:
// all, without the header), and the body.

#include "serve/grpc/over_rest.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    namespace grpc = hf::serve::grpc;
    if (size < 2) return 0;
    grpc::InferCall call;
    call.wants_final = true;
    if (data[0] == 'r') call.raw.emplace_back();
    hf::http::Response response;
    response.body.assign(data + 2, data + size);
    if (data[1] != 0) {
        response.headers.set("Inference-Header-Content-Length",
                             fmt::format("{}", (size - 2) * data[1] / 255));
    }
    (void)grpc::write_answer_of_rest(call, response, {{"holdfast-receipt", "12-34"}});
    (void)grpc::write_metadata_of_rest(hf::as_text(response.body));
    (void)grpc::status_of_rest(response);
    return 0;
}
