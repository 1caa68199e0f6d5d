#include "posix/clock.h"

#include <sys/random.h>

#include <cerrno>
#include <ctime>

#include "base/check.h"

namespace hf::posix {

Instant RealClock::now() const {
    return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
}

Duration RealClock::monotonic() const {
    return std::chrono::steady_clock::now().time_since_epoch();
}

Duration RealClock::thread_cpu() const {
    timespec used{};
    HF_CHECK(::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used) == 0, "this thread has no clock");
    return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

void RealEntropy::fill(std::span<std::uint8_t> bytes) {
    while (!bytes.empty()) {
        const ssize_t count = ::getrandom(bytes.data(), bytes.size(), 0);
        if (count < 0 && errno == EINTR) continue;
        HF_CHECK(count > 0, "the operating system gives no random bytes");
        bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
}

}  // namespace hf::posix
