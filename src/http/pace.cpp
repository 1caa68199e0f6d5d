#include "http/pace.h"

namespace hf::http {

Status Pace::add(std::uint64_t bytes, Duration waited) {
    if (least_ == 0) return {};
    bytes_ += bytes;
    waited_ += waited;
    if (waited_ < window_) return {};
    const double seconds = std::chrono::duration<double>(waited_).count();
    const double pace = static_cast<double>(bytes_) / seconds;
    if (pace < static_cast<double>(least_)) {
        return deadline_exceeded("[slow-transfer] {:.0f} bytes a second for {:.0f} s, less than {}",
                                 pace, seconds, least_);
    }
    bytes_ = 0;
    waited_ = Duration::zero();
    return {};
}

}  // namespace hf::http
