// ModelHost: one version of a model that answers, with a pool of sessions and its counts.
//
// Thread-safety: all methods from any thread. Sessions are made as concurrency needs them and kept:
// there are never more than requests were answered at a time.

#pragma once

#include <array>
#include <atomic>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/status.h"
#include "base/time.h"
#include "env/clock.h"
#include "runtime/model.h"
#include "serve/guard/verdict.h"
#include "serve/statistics.h"

namespace hf::serve {

class Account;    // account.h
class Composite;  // composite.h
namespace tasks {
class Task;  // tasks/task.h
}
namespace sequence {
class Sequences;  // sequence/sequences.h
}
namespace sleep {
class Resting;  // sleep/resting.h
}

// Upper bounds of the latency histogram, in seconds; a last bucket holds the rest.
inline constexpr std::array<double, 12> kLatencyBounds{
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5};

// Inferences that a version runs at a time for nobody but a comparison.
inline constexpr int kInShadowMax = 2;

class ModelHost final {
public:
    // What a receipt says of the model. Empty fields are unknown and left out of receipts.
    struct Identity {
        std::string name = {};
        std::string version = "1";
        std::string platform = {};  // as platform_name() gives it
        std::string service = {};   // the Service resource it answers for
        std::string model_digest =
            {};  // "sha256:...": of the manifest it was pulled by, or the file
        std::string plan_digest = {};
        std::string task_digest = {};      // of the files that declare its task
        std::string sequence_digest = {};  // of the file that declares its state
        std::string guard_digest = {};     // of the file that is its guard
        std::string members_digest = {};   // of an ensemble: of what its members are
        std::string signer = {};           // as trust::VerifiedModel::signer says
    };

    // Of the inferences at a time one has the crew, where there is one.
    ModelHost(Identity identity, std::shared_ptr<const runtime::CompiledModel> model,
              env::Clock& clock, std::shared_ptr<runtime::Crew> crew = nullptr);

    const Identity& identity() const { return identity_; }

    // What receipts say of the model, as canonical JSON; made once.
    const std::string& receipt_json() const { return receipt_json_; }
    const runtime::Signature& signature() const { return signature_; }
    std::string_view device() const { return model_->device(); }

    // What it takes of memory, where that is known.
    struct Memory {
        std::uint64_t weight_bytes = 0;
        std::uint64_t session_bytes = 0;  // of each session
    };
    void set_memory(Memory memory) { memory_ = memory; }  // REQUIRES: nobody else knows the host

    // What people may send it instead of tensors; null where none is declared.
    const tasks::Task* task() const { return task_.get(); }
    void set_task(std::shared_ptr<const tasks::Task> task) {  // REQUIRES: as set_memory()
        task_ = std::move(task);
    }

    // Of a model that keeps state (sequence/state.h): requests run in their sequences' turns. Null:
    // it keeps none.
    sequence::Sequences* sequences() const { return sequences_.get(); }
    void set_sequences(
        std::shared_ptr<sequence::Sequences> sequences) {  // REQUIRES: as set_memory()
        sequences_ = std::move(sequences);
    }

    // Whether an answer depends on nothing but what the digests name, and the inputs: then it may
    // be kept (response_cache.h). Not where a model's weights lie in files of their own.
    bool may_be_cached() const { return may_be_cached_; }
    void set_may_be_cached(bool may) { may_be_cached_ = may; }  // REQUIRES: as set_memory()

    // Of a model that is made of others, which run instead of sessions of its own; null: it is not.
    const Composite* composite() const { return composite_.get(); }
    void set_composite(std::shared_ptr<const Composite> composite) {  // REQUIRES: as set_memory()
        composite_ = std::move(composite);
    }

    // Of a composite whose members nobody else has: they, so that they are told of with it. None of
    // another, and of one whose members are models of the server.
    const std::vector<std::shared_ptr<ModelHost>>& members() const { return members_; }
    void set_members(std::vector<std::shared_ptr<ModelHost>> members) {  // REQUIRES: the same
        members_ = std::move(members);
    }

    // What is held against its requests; null where nothing is. With a layer that is hidden, all
    // inferences have one output more than the signature, behind the others.
    const std::shared_ptr<const guard::Guard>& guard() const { return guard_; }
    void set_guard(std::shared_ptr<const guard::Guard> guard);  // REQUIRES: bound; as set_memory()

    // Of a model whose memory may go while nobody asks for it; null: it stays.
    const sleep::Resting* resting() const { return resting_.get(); }
    void set_resting(std::shared_ptr<sleep::Resting> resting) {  // REQUIRES: as set_memory()
        resting_ = std::move(resting);
    }
    bool asleep() const;

    // Lets the memory go, and says so, where nobody has asked for so long, and no request and no
    // sequence is under way.
    bool fall_asleep(Duration after);

    // OK at once where it does not sleep. An error: inferences fail by it, and the host is not
    // ready until one wakes it.
    Status wake();

    // Why it is not ready; empty where that is not known, and where it is.
    std::string trouble() const;

    // How many inferences of it run at a time where whose turn it is is decided (schedule/).
    std::size_t instances() const { return instances_; }
    void set_instances(std::size_t most) { instances_ = most; }  // REQUIRES: as set_memory()

    // With the sessions that there are now; 0: not known, or asleep.
    std::uint64_t memory_bytes() const;

    // Makes a first session, so that the first request need not, and tries whether requests may run
    // together.
    Status warm();

    // Whether the rows of a batch are known to be answered as each would be alone (batching.h).
    bool runs_together() const { return runs_together_; }

    struct Inference {
        std::vector<Tensor> outputs;  // in signature order
        Duration duration{};          // in the model
    };

    // Whether a first run of some size takes much longer than later ones, unless it was prepared.
    bool plans_by_shape() const { return model_->plans_by_shape(); }
    void prepare(const std::vector<Shape>& shapes) const { model_->prepare(shapes); }

    // Runs one inference on a free session and counts it. INVALID_ARGUMENT when the inputs do not
    // fit the signature.
    Result<Inference> infer(std::span<const Tensor> inputs);

    // One run for so many requests, of which each counts. One that fails does not: run them again
    // one by one.
    Result<Inference> infer_together(std::span<const Tensor> inputs, std::uint64_t requests);

    // An inference of a composite, which counts as those of infer() do.
    enum class Ended : unsigned char { kSucceeded, kFailed, kRefused, kGivenUp };
    void begin_composed();
    void end_composed(Ended ended, Duration duration);

    // The same for a comparison of versions: not counted. RESOURCE_EXHAUSTED while kInShadowMax
    // others run: those who wait for an answer go first.
    Result<Inference> infer_in_shadow(std::span<const Tensor> inputs);

    // One for a guard: counted nowhere.
    Result<std::vector<Tensor>> run_uncounted(std::span<const Tensor> inputs);

    // A request that its guard has judged.
    struct GuardCount {
        std::optional<guard::Reason> reason = {};  // the first; nullopt: it passed
        bool refused = false;
        Duration time{};  // that judging took, runs of the model for it included
    };
    void count_guarded(const GuardCount& one);

    const env::Clock& clock() const { return clock_; }

    // Whether an answer was like the previous version's (compare_route.h).
    void count_compared(bool agreed);

    // Requests that wait for their turn (schedule/).
    void note_waiting(std::size_t count) { waiting_ = count; }
    std::size_t waiting() const { return waiting_; }

    // A host that is not ready still answers; readiness tells balancers to look elsewhere.
    bool ready() const;
    void set_ready(bool ready) { ready_ = ready; }

    // What an inference takes, as a moving average; zero before the first.
    Duration usual() const { return Duration(usual_.load(std::memory_order_relaxed)); }

    void count_refused() { ++refused_; }  // a request that did not reach the model
    void count_cached() { ++cached_; }    // one that needed not

    struct Counts {
        std::uint64_t succeeded = 0;
        std::uint64_t failed = 0;
        std::uint64_t refused = 0;
        std::uint64_t cached = 0;  // answered from the cache
        std::uint64_t in_flight = 0;
        double seconds = 0;
        std::array<std::uint64_t, kLatencyBounds.size() + 1> buckets{};
        std::uint64_t compared = 0;
        std::uint64_t agreed = 0;  // of these

        // By its guard, by the first reason.
        std::uint64_t guard_passed = 0;
        std::array<std::uint64_t, guard::kReasonCount> guard_suspicious{};  // and answered
        std::array<std::uint64_t, guard::kReasonCount> guard_refused{};
        double guard_seconds = 0;
    };
    Counts counts() const;

    // Of the requests that had a Visit.
    Statistics statistics() const;

private:
    friend class Visit;

    void note_asked(Duration at) { asked_.store(at.count(), std::memory_order_relaxed); }
    struct Outcome {
        Result<std::vector<Tensor>> outputs;
        Duration duration{};
    };
    Outcome run(runtime::Session& session, std::span<const Tensor> inputs) const;
    Result<std::unique_ptr<runtime::Session>> take_session();
    void give_back(std::unique_ptr<runtime::Session> session);
    void put_back(std::unique_ptr<runtime::Session> session) HF_REQUIRES(mutex_);
    void count(bool ok, Duration duration, std::uint64_t requests) HF_REQUIRES(mutex_);

    const Identity identity_;
    const std::string receipt_json_;
    const std::shared_ptr<const runtime::CompiledModel> model_;
    runtime::Signature signature_;
    env::Clock& clock_;
    const std::shared_ptr<runtime::Crew> crew_;
    std::atomic<bool> ready_{true};
    std::atomic<std::uint64_t> refused_{0};
    std::atomic<std::uint64_t> cached_{0};
    std::atomic<int> in_shadow_{0};
    std::atomic<bool> runs_together_{false};
    std::atomic<Duration::rep> usual_{0};
    std::atomic<std::size_t> waiting_{0};
    std::atomic<Duration::rep> asked_{0};  // when a request began or ended last
    Memory memory_;
    std::shared_ptr<const tasks::Task> task_;
    std::shared_ptr<sequence::Sequences> sequences_;
    std::shared_ptr<const Composite> composite_;
    std::vector<std::shared_ptr<ModelHost>> members_;
    bool may_be_cached_ = false;
    std::shared_ptr<const guard::Guard> guard_;
    std::shared_ptr<sleep::Resting> resting_;
    std::size_t instances_ = std::numeric_limits<std::size_t>::max();

    mutable Mutex mutex_;
    std::vector<std::unique_ptr<runtime::Session>> free_sessions_ HF_GUARDED_BY(mutex_);
    Counts counts_ HF_GUARDED_BY(mutex_);  // but for `refused` and `cached`
    Statistics statistics_ HF_GUARDED_BY(mutex_);
};

// One request while a host answers it, for the host's statistics: which of its times is which, and
// at the end whether it succeeded. A request whose model ran has; else it failed, wherever.
//
// On one thread at a time. REQUIRES: the host outlives it.
class Visit final {
public:
    // `waited`: http::Request::waited. `account`, where there is one, is told at the end.
    Visit(ModelHost& host, Duration waited, Account* account = nullptr)
        : host_(host),
          account_(account),
          before_(waited),
          start_(host.clock_.monotonic()),
          read_(start_),
          written_from_(start_) {
        times_.queue = waited;
        host_.note_asked(start_);
    }
    ~Visit() { end(); }
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;

    ModelHost& host() const { return host_; }

    // The inputs are tensors; the model has run on them; what is left is to write the answer.
    void inputs_read() { read_ = host_.clock_.monotonic(); }
    void ran(const Statistics::Share& share, Duration waited, Duration duration);
    void outputs_chosen() { written_from_ = host_.clock_.monotonic(); }

    // Instead of running: the answer was in the cache, which was asked after inputs_read(). Or it
    // was not; then the model runs.
    void came_from_cache();
    void missed_cache();

    // The answer is written: counts the request, so that whoever has the answer finds it counted.
    // Once; at the latest when the visit is destroyed.
    void end();

private:
    ModelHost& host_;
    Account* const account_;
    const Duration before_;
    const Duration start_;
    Duration read_;
    Duration written_from_;
    RequestTimes times_;
    bool succeeded_ = false;
    bool from_cache_ = false;
    bool missed_ = false;
    bool ended_ = false;
    Statistics::Share share_;
};

}  // namespace hf::serve
