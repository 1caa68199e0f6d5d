#include "http/reply.h"

#include <atomic>

namespace hf::http {

struct Reply::State {
    std::function<void(Response response)> deliver;
    std::atomic<bool> sent{false};

    ~State() {
        if (!sent) deliver(Response::error(500, "the request was dropped; ask again"));
    }
};

Reply::Reply(std::function<void(Response response)> deliver) : state_(std::make_shared<State>()) {
    state_->deliver = std::move(deliver);
}

void Reply::send(Response response) const {
    if (!state_->sent.exchange(true)) state_->deliver(std::move(response));
}

}  // namespace hf::http
