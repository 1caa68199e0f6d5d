#include "http/turns.h"

#include <deque>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace hf::http {

namespace asio = boost::asio;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

}  // namespace

struct Turns::State {
    asio::io_context& loop;
    std::size_t free;
    std::deque<std::shared_ptr<asio::steady_timer>> waiting = {};
    bool closed = false;
};

Turns::Turn::~Turn() {
    if (!state_ || state_->closed) return;
    if (state_->waiting.empty()) {
        ++state_->free;
        return;
    }
    state_->waiting.front()->cancel();
    state_->waiting.pop_front();
}

Turns::Turns(asio::io_context& loop, std::size_t at_once)
    : state_(std::make_shared<State>(State{loop, at_once})) {}

asio::awaitable<Turns::Turn> Turns::take() {
    std::shared_ptr<State> state = state_;
    if (state->free > 0) {
        --state->free;
        co_return Turn(std::move(state));
    }
    const auto called =
        std::make_shared<asio::steady_timer>(state->loop, asio::steady_timer::time_point::max());
    state->waiting.push_back(called);
    co_await called->async_wait(kAwait);
    co_return Turn(std::move(state));
}

void Turns::close() {
    state_->closed = true;
}

}  // namespace hf::http
