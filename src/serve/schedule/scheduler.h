// Scheduler: runs inferences as a Schedule says, on the threads that ask. Whoever finds a place
// free runs its own job, and then what has come meanwhile; whoever does not leaves its job to those
// who run. So a request that comes alone changes no thread, and there are no threads beside the
// server's, of which there should be more than places.
//
// A model that is planned for each size of batch anew is planned ahead of its first batch of that
// size, by a thread of its own ("hf-prepare"); until then requests run in sizes that are known.
//
// A batch of which the model refuses something is run again one by one: nobody's bad input is
// another's error.
//
// Thread-safety: all methods from any thread.

#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "env/clock.h"
#include "serve/model_host.h"
#include "serve/schedule/schedule.h"

namespace hf::serve {

struct Composed;  // composite.h

class Scheduler final {
public:
    // `clock` outlives it.
    Scheduler(const env::Clock& clock, Schedule::Options options)
        : clock_(clock), schedule_(options) {}
    ~Scheduler();  // waits for what is being prepared
    Scheduler(const Scheduler&) = delete;
    Scheduler& operator=(const Scheduler&) = delete;

    struct Ran {
        std::vector<Tensor> outputs;                    // in signature order
        Duration waited{};                              // for a place
        Duration duration{};                            // in the model, of all the batch
        std::uint64_t batch = 1;                        // its rows
        bool leads = true;                              // of those who shared the run, one does
        std::shared_ptr<const Composed> composed = {};  // of a model that is made of others
    };
    struct Job {
        std::shared_ptr<ModelHost> host;
        std::span<const Tensor> inputs;  // in signature order; there until `done` has been called
        Terms terms;
        bool alone = false;              // not together with others
        std::function<bool()> given_up;  // whether nobody waits for it any more

        // Called once, on any thread that runs jobs, or before run() returns. CANCELLED when it
        // was given up before its turn; what Schedule::admit() says; DEADLINE_EXCEEDED when its
        // turn came too late; else as ModelHost::infer().
        std::function<void(Result<Ran>)> done;
    };
    void run(Job job);

    // The two halves of run(), for whoever has several jobs, or is told of one: takes the job, or
    // turns it away; and runs what waits as long as there is a place. Whoever calls `done` of a job
    // runs what waits afterwards.
    void add(Job job);
    void work();

    const env::Clock& clock() const { return clock_; }

    // When to come again, at least a second from now: for whoever was turned away.
    Duration retry_after(const ModelHost& host) const;

private:
    struct Queued {
        Job job;
        Duration since{};
    };
    struct Lane {
        std::weak_ptr<ModelHost> host;
        LaneId id;
        std::uint64_t preparing = 0;  // rows; 0: nothing
    };
    struct Preparation {
        std::weak_ptr<ModelHost> host;
        std::vector<Shape> shapes;
        std::uint64_t rows = 0;
    };
    struct Turn {
        Schedule::Pick pick;
        std::vector<Queued> jobs;
    };

    // Takes the job unless it is turned away.
    Status enqueue(Queued& queued);
    LaneId lane_of(const std::shared_ptr<ModelHost>& host) HF_REQUIRES(mutex_);
    std::vector<Queued> take(const std::vector<JobId>& ids) HF_REQUIRES(mutex_);
    std::optional<Turn> take_turn(std::vector<Queued>& late);
    static std::vector<Queued> take_out(std::vector<Queued>& jobs,
                                        const std::function<bool(const Queued&)>& stays);
    std::vector<Queued> wake_model(Turn& turn);
    void carry_out(Turn turn);
    void order_preparation(const Turn& turn) HF_REQUIRES(mutex_);
    void prepare_until_stopped();
    static std::vector<Result<Ran>> run_all(const std::vector<Queued>& jobs);
    static Result<std::vector<Ran>> run_together(const std::vector<Queued>& jobs);

    const env::Clock& clock_;
    mutable Mutex mutex_;
    Schedule schedule_ HF_GUARDED_BY(mutex_);
    std::map<const ModelHost*, Lane> lanes_ HF_GUARDED_BY(mutex_);
    std::map<JobId, Queued> queued_ HF_GUARDED_BY(mutex_);
    std::deque<Preparation> preparations_ HF_GUARDED_BY(mutex_);
    ConditionVariable wake_;
    bool stopping_ HF_GUARDED_BY(mutex_) = false;
    std::thread preparer_ HF_GUARDED_BY(mutex_);  // from the first preparation on
};

}  // namespace hf::serve
