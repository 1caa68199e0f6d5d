// A call with one message and a stream of answers, that come to be while nobody holds a thread for
// them: over the streams of http::Response. Compression, deadline and status are dealt with here,
// as call.h does it for other calls.
//
// Thread-safety: from any thread; of one call's Answers, as http::BodyStream says.

#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "serve/grpc/call.h"

namespace hf::serve::grpc {

class Answers {
public:
    virtual ~Answers() = default;

    // `wake` may be called from any thread, also after this object is gone. To be called when there
    // is an answer, and at the deadline, which ends the call.
    virtual void start(std::function<void()> wake) = 0;

    // The next answer; nullopt: none now. On the event loop, so that it may not block.
    virtual std::optional<Bytes> next() = 0;
};

// An error is the call's status. It ends with its client, its deadline, or UNAVAILABLE when the
// server drains.
using AnswersMethod = std::function<Result<std::unique_ptr<Answers>>(const Call& call)>;

void add_answers(http::Router& router, std::string_view path, const CallOptions& options,
                 AnswersMethod method);

}  // namespace hf::serve::grpc
