// Calls of gRPC over a client of HTTP/2 (http2_client.h): one message there, and one back or a
// stream of them. Blocking, as the client. Messages are not compressed.
//
// Errors: what the server's grpc-status says, under its own code; those of Client::send();
// RESOURCE_EXHAUSTED for a message above the bound; INTERNAL for what is no gRPC.

#pragma once

#include <functional>
#include <string>

#include "http/client.h"

namespace hf::http::grpc {

struct ClientCall {
    std::string url;  // of the method: "http://127.0.0.1:2379/etcdserverpb.KV/Range"
    Bytes message;
    std::size_t message_bytes_max = 64u << 20;  // of each that comes

    // How long the server may work at it; what the caller does then is up to `pulse`. 0: no bound.
    Duration timeout{};

    std::function<Status()> pulse;  // as in ClientRequest
    bool* sent = nullptr;           // the same

    // When set, becomes true when the server's own verdict came, a grpc-status: an error without it
    // says nothing of what was done.
    bool* judged = nullptr;
};

// The one message of the answer.
Result<Bytes> call(Client& client, const ClientCall& call);

// Hands over each message as it comes, until the server ends the stream, or `each` answers an
// error, which is then the answer.
Status call(Client& client, const ClientCall& call, const std::function<Status(ByteView)>& each);

}  // namespace hf::http::grpc
