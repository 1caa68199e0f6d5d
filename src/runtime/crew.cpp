#include "runtime/crew.h"

#include <algorithm>

#include "base/check.h"

namespace hf::runtime {
namespace {

// Rounds of waiting before a thread sleeps: 20 to 50 microseconds, by how long the processor takes
// for a pause. Longer than most steps of a network last, far shorter than anyone would notice.
constexpr int kRounds = 1000;

void pause() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

}  // namespace

std::uint64_t Crew::packed(Claims claims) {
    return std::uint64_t{claims.job} << 32 | std::uint64_t{claims.front} << 16 | claims.back;
}

Crew::Claims Crew::unpacked(std::uint64_t word) {
    return {static_cast<std::uint32_t>(word >> 32), static_cast<std::uint16_t>(word >> 16),
            static_cast<std::uint16_t>(word)};
}

std::shared_ptr<Crew> Crew::create(std::size_t threads) {
    auto crew = std::make_shared<Crew>(Key());
    const std::size_t wanted = std::clamp<std::size_t>(threads, 1, kMaxThreads) - 1;
    crew->workers_.reserve(wanted);
    for (std::size_t i = 0; i < wanted; ++i) {
        crew->workers_.push_back({crew.get(), i + 1, {}});
        Worker& worker = crew->workers_.back();
        if (pthread_create(&worker.handle, nullptr, worker_main, &worker) == 0) continue;
        crew->workers_.pop_back();
        break;
    }
    return crew;
}

Crew::~Crew() {
    stopping_ = true;
    ++wakes_;
    wakes_.notify_all();
    for (const Worker& worker : workers_) pthread_join(worker.handle, nullptr);
}

void* Crew::worker_main(void* worker) {
    const auto* self = static_cast<const Worker*>(worker);
#ifdef __APPLE__
    pthread_setname_np("hf-crew");
#else
    pthread_setname_np(pthread_self(), "hf-crew");
#endif
    self->crew->help(self->thread);
    return nullptr;
}

Crew::Shift::Shift(Crew* crew) : crew_(crew) {
    if (crew_ && (crew_->workers_.empty() || crew_->taken_.exchange(true))) crew_ = nullptr;
}

Crew::Shift::~Shift() {
    if (crew_) crew_->taken_ = false;
}

// Takes parts and computes them until none is left; how many.
std::uint32_t Crew::take_parts(std::size_t thread) {
    std::uint32_t done = 0;
    std::uint64_t word = claims_.load(std::memory_order_acquire);
    while (true) {
        Claims claims = unpacked(word);
        if (claims.front == claims.back) return done;
        const std::size_t part =
            thread == 0 ? claims.front++ : static_cast<std::uint16_t>(--claims.back);
        if (!claims_.compare_exchange_weak(word, packed(claims), std::memory_order_acquire)) {
            continue;
        }
        // This job goes on at least until the part is done, so job_ is its own.
        job_->run_part(part, thread);
        ++done;
        if (thread != 0) {
            ++finished_;  // releases what the part wrote
            finished_.notify_one();
        }
        word = claims_.load(std::memory_order_acquire);
    }
}

void Crew::work(const Job& job, std::size_t parts) {
    HF_CHECK(parts >= 1 && parts <= kMaxParts, "{} parts", parts);
    job_ = &job;
    finished_.store(0, std::memory_order_relaxed);
    const std::uint32_t number = unpacked(claims_.load(std::memory_order_relaxed)).job + 1;
    claims_.store(packed({number, 0, static_cast<std::uint16_t>(parts)}));
    // A thread counts itself asleep before it looks for parts a last time: it sees these or is
    // woken. Both sides need sequential consistency, the default.
    if (asleep_.exchange(0) > 0) {
        ++wakes_;
        wakes_.notify_all();
    }
    const std::uint32_t own = take_parts(0);
    wait_for(static_cast<std::uint32_t>(parts) - own);
}

// Until the crew's own threads have finished so many.
void Crew::wait_for(std::uint32_t parts) {
    int rounds = 0;
    while (true) {
        const std::uint32_t finished = finished_.load(std::memory_order_acquire);
        if (finished == parts) return;
        if (++rounds <= kRounds) {
            pause();
        } else {
            finished_.wait(finished, std::memory_order_acquire);
        }
    }
}

void Crew::help(std::size_t thread) {
    int rounds = 0;
    while (!stopping_.load(std::memory_order_relaxed)) {
        if (take_parts(thread) > 0) {
            rounds = 0;
        } else if (++rounds <= kRounds) {
            pause();
        } else {
            fall_asleep();
            rounds = 0;
        }
    }
}

void Crew::fall_asleep() {
    const std::uint32_t seen = wakes_;
    ++asleep_;
    const Claims claims = unpacked(claims_);
    if (claims.front == claims.back && !stopping_) wakes_.wait(seen);
}

}  // namespace hf::runtime
