// How a BodyStream tells its connection that it has something: notify() from any thread, at any
// time, wakes the one coroutine in wait() on the event loop. Many notifications before it looks
// count as one.
//
// Internal to this module. Shared by the connection and the stream's wake function, which may
// outlive connection and loop: after close(), notify() does nothing.

#pragma once

#include <memory>
#include <optional>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/mutex.h"

namespace hf::http {

class StreamSignal final : public std::enable_shared_from_this<StreamSignal> {
public:
    explicit StreamSignal(boost::asio::io_context& loop) : loop_(&loop), timer_(loop) {}

    void notify();

    // On the loop thread. Comes back at once when notified since the last wait() came back, or
    // closed.
    boost::asio::awaitable<void> wait();

    // On the loop thread, or when that has ended.
    void close();

private:
    void wake();

    Mutex mutex_;
    boost::asio::io_context* loop_ HF_GUARDED_BY(mutex_);  // null when closed
    bool posted_ HF_GUARDED_BY(mutex_) = false;            // wake() is on its way

    // Of the loop thread.
    std::optional<boost::asio::steady_timer> timer_;
    bool awake_ = false;
};

}  // namespace hf::http
