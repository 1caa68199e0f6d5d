#include "http/stream_signal.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace hf::http {

namespace asio = boost::asio;

void StreamSignal::notify() {
    const MutexLock lock(mutex_);
    if (!loop_ || posted_) return;
    posted_ = true;
    asio::post(*loop_, [self = shared_from_this()] { self->wake(); });
}

void StreamSignal::wake() {
    {
        const MutexLock lock(mutex_);
        posted_ = false;
    }
    awake_ = true;
    if (timer_) timer_->cancel();
}

asio::awaitable<void> StreamSignal::wait() {
    if (!awake_ && timer_) {
        timer_->expires_at(asio::steady_timer::time_point::max());
        co_await timer_->async_wait(asio::as_tuple(asio::use_awaitable));
    }
    awake_ = false;
}

void StreamSignal::close() {
    const MutexLock lock(mutex_);
    loop_ = nullptr;
    timer_.reset();
}

}  // namespace hf::http
