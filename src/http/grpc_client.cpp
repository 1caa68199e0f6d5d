#include "http/grpc_client.h"

#include <optional>

#include "http/grpc_wire.h"

namespace hf::http::grpc {
namespace {

// At most eight digits (PROTOCOL-HTTP2.md, "Timeout"): up to 27 hours in milliseconds.
std::string timeout_text(Duration timeout) {
    constexpr std::int64_t kDigitsMax = 99'999'999;
    const std::int64_t milliseconds = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
    return fmt::format("{}m", std::min(milliseconds, kDigitsMax));
}

ClientRequest request_of(const ClientCall& call) {
    ClientRequest request;
    request.method = "POST";
    request.url = call.url;
    request.headers.set("Content-Type", "application/grpc");
    request.headers.set("TE", "trailers");
    if (call.timeout > Duration::zero()) {
        request.headers.set("grpc-timeout", timeout_text(call.timeout));
    }
    request.body = frame(call.message, false);
    request.pulse = call.pulse;
    request.sent = call.sent;
    return request;
}

}  // namespace

Status call(Client& client, const ClientCall& call, const std::function<Status(ByteView)>& each) {
    MessageReader reader(call.message_bytes_max);
    ClientRequest request = request_of(call);
    request.sink = [&](ByteView bytes) -> Status {
        reader.add(bytes);
        Message message;
        while (HF_TRY(reader.next(message))) {
            if (message.compressed) return internal_error("a compressed message, unasked for");
            HF_TRY(each(message.bytes));
        }
        return {};
    };
    const Response response = HF_TRY(client.send(request));
    if (call.judged) *call.judged = has_status(response);
    HF_TRY(status_of(response));
    if (!is_grpc(response.headers.get("content-type").value_or(""))) {
        return internal_error("what answers does not speak gRPC");
    }
    if (reader.held() > 0) return internal_error("the answer ends in the middle of a message");
    return {};
}

Result<Bytes> call(Client& client, const ClientCall& asked) {
    std::optional<Bytes> answer;
    const auto keep = [&](ByteView message) -> Status {
        if (answer) return internal_error("two messages came where one answers");
        answer.emplace(message.begin(), message.end());
        return {};
    };
    HF_TRY(call(client, asked, keep));
    if (!answer) return internal_error("no message came with the answer");
    return std::move(*answer);
}

}  // namespace hf::http::grpc
