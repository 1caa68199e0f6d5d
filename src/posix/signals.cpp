#include "posix/signals.h"

#include <signal.h>

#include <cerrno>

#include "base/check.h"

namespace hf::posix {
namespace {

sigset_t stop_set() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    return set;
}

}  // namespace

StopSignals::StopSignals() {
    const sigset_t set = stop_set();
    HF_CHECK(pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0);
    signal(SIGPIPE, SIG_IGN);
}

bool StopSignals::wait(std::optional<Duration> patience) const {
    const sigset_t set = stop_set();
    for (;;) {
        int signal = -1;
        if (patience) {
            const timespec limit{static_cast<time_t>(patience->count() / 1'000'000'000),
                                 static_cast<long>(patience->count() % 1'000'000'000)};
            signal = sigtimedwait(&set, nullptr, &limit);
        } else {
            signal = sigwaitinfo(&set, nullptr);
        }
        if (signal > 0) return true;
        if (errno == EAGAIN) return false;
    }
}

}  // namespace hf::posix
