// Turns: so many may do something at a time, and the others wait in the order in which they came.
// A turn is given back when it is destroyed.
//
// Internal to this module. Used on one event loop, whose end it may outlive: close() before, and
// nobody is woken any more.

#pragma once

#include <cstddef>
#include <memory>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

namespace hf::http {

class Turns final {
public:
    struct State;
    class Turn final {
    public:
        explicit Turn(std::shared_ptr<State> state) : state_(std::move(state)) {}
        Turn(Turn&&) noexcept = default;
        Turn& operator=(Turn&&) = delete;
        ~Turn();

    private:
        std::shared_ptr<State> state_;  // null: moved from
    };

    Turns(boost::asio::io_context& loop, std::size_t at_once);

    boost::asio::awaitable<Turn> take();
    void close();

private:
    std::shared_ptr<State> state_;
};

}  // namespace hf::http
