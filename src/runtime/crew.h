// Crew: threads that compute one inference together. The thread that asks is one of them; the
// others, the crew's own, sleep until there is a job.
//
// A job is a number of parts that may be computed in any order. The asking thread takes them from
// the front and the others from the back, so that with two threads each finds again what it wrote
// in the job before; who is done early takes what is left. A thread that the machine keeps waiting
// therefore delays a job by no more than the part that it is at, and one that is slow to wake by
// nothing.
//
// Between jobs the crew's threads spin for some tens of microseconds, then sleep. One inference
// has the crew at a time; another that finds it taken goes on alone.
//
// Ownership: shared by the sessions that use it; destroying it ends its threads. Thread-safety:
// taken() of a Shift is atomic, everything else is for the Shift that has the crew. A run takes
// nothing from the heap.

#pragma once

#include <pthread.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace hf::runtime {

// No crew has more threads.
inline constexpr std::size_t kMaxThreads = 64;

// No job has more parts.
inline constexpr std::size_t kMaxParts = 65535;

class Crew final {
public:
    // `threads` counts the one that asks, and is kept within [1, kMaxThreads]; more than the
    // machine has cores only slow each other down. Where the machine does not give so many, the
    // crew is smaller; threads() says.
    static std::shared_ptr<Crew> create(std::size_t threads);
    ~Crew();
    Crew(const Crew&) = delete;
    Crew& operator=(const Crew&) = delete;

    std::size_t threads() const { return workers_.size() + 1; }

    // Whether all threads of its own have gone to sleep. For tests: it is true a moment early.
    bool sleeps() const { return asleep_ >= workers_.size(); }

    class Job {
    public:
        virtual ~Job() = default;

        // `thread` is below threads(); 0 is the one that asks. Parts run at the same time, so what
        // one writes no other may touch.
        virtual void run_part(std::size_t part, std::size_t thread) const = 0;
    };

    // The crew for one inference, or not: of several that want it at a time one has it.
    class Shift final {
    public:
        explicit Shift(Crew* crew);  // null: not taken
        ~Shift();
        Shift(const Shift&) = delete;
        Shift& operator=(const Shift&) = delete;

        bool taken() const { return crew_ != nullptr; }

        // Computes all parts; they are done when it returns. REQUIRES: taken(), parts within
        // [1, kMaxParts].
        void work(const Job& job, std::size_t parts) { crew_->work(job, parts); }

    private:
        Crew* crew_;
    };

    // Only create() has a key.
    class Key {
        friend class Crew;
        Key() = default;
    };
    explicit Crew(Key) {}

private:
    // Parts that nobody has begun, [front, back), and the job's number, in one word.
    struct Claims {
        std::uint32_t job = 0;
        std::uint16_t front = 0, back = 0;
    };
    static std::uint64_t packed(Claims claims);
    static Claims unpacked(std::uint64_t word);

    struct Worker {
        Crew* crew = nullptr;
        std::size_t thread = 0;
        pthread_t handle = {};
    };
    static void* worker_main(void* worker);

    void work(const Job& job, std::size_t parts);
    std::uint32_t take_parts(std::size_t thread);
    void wait_for(std::uint32_t parts);
    void help(std::size_t thread);
    void fall_asleep();

    std::vector<Worker> workers_;  // does not move once they run
    std::atomic<bool> taken_{false};
    std::atomic<bool> stopping_{false};

    // Each is written by one side and watched by the other.
    alignas(64) std::atomic<std::uint64_t> claims_{0};
    const Job* job_ = nullptr;  // written while no part of any job is left
    alignas(64) std::atomic<std::uint32_t> finished_{0};  // parts, by the crew's own threads
    alignas(64) std::atomic<std::uint32_t> asleep_{0};    // threads since the last wake-up
    std::atomic<std::uint32_t> wakes_{0};
};

}  // namespace hf::runtime
