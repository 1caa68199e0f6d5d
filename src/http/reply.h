// Reply: the answer to one request, given when it is there, by whoever has it then. It holds no
// thread meanwhile, so many more requests may wait than there are workers.
//
// Thread-safety: from any thread; copies answer the same request, and the first answer counts. One
// of which the last copy goes without an answer says 500: no client waits for ever.

#pragma once

#include <functional>
#include <memory>

#include "http/message.h"

namespace hf::http {

class Reply final {
public:
    // `deliver` is called once, on the thread that answers.
    explicit Reply(std::function<void(Response response)> deliver);

    void send(Response response) const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

// Called on any worker thread, by several at a time. Answers before or after it returns; whoever
// looks into the request until then keeps it. Must not throw.
using DeferredHandler =
    std::function<void(const std::shared_ptr<const Request>& request, const Reply& reply)>;

}  // namespace hf::http
