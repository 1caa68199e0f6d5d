// ResponseCache: answers of models that were computed before, by what they were computed from, so
// that the same question is not computed twice.
//
// The idea: the key is the SHA-256 of what an answer depends on, the model's digest and device and
// the inputs (docs/reference/response-cache.md), so an entry is never wrong, only in the way: the
// one used longest ago goes first. A model that is replaced takes its entries along by not asking
// for them any more. Whoever asks while another computes the same waits for that
// (single flight); where it fails, each computes for himself.
//
// Bounds: bytes_max for the entries with what is around them, kWaitersMax for those who wait for
// one key (more compute for themselves). Thread-safety: all methods from any thread; no caller's
// function is called with the lock held.

#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/mutex.h"
#include "tensor/tensor.h"

namespace hf::serve {

class ResponseCache final {
public:
    static constexpr std::size_t kWaitersMax = 1024;

    // Of the model, in signature order; null where there is no answer.
    using Outputs = std::shared_ptr<const std::vector<Tensor>>;
    using Waiter = std::function<void(Outputs outputs)>;

    explicit ResponseCache(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}

    enum class Look : unsigned char {
        kHit,      // `outputs` has them
        kLead,     // nobody computes it: the caller must, and must call land()
        kWait,     // somebody does: the waiter is called, on another thread, with what comes of it
        kCompute,  // somebody does, and too many wait
    };
    struct Seen {
        Look look = Look::kCompute;
        Outputs outputs = {};
    };
    Seen look(const Digest& key, Waiter waiter);

    // Ends what kLead began: keeps the outputs, unless they are null or larger than the cache, and
    // tells those who wait.
    void land(const Digest& key, Outputs outputs);

    struct Counts {
        std::uint64_t hits = 0;    // also of those who waited
        std::uint64_t misses = 0;  // computed instead
        std::uint64_t evicted = 0;
        std::uint64_t entries = 0;
        std::uint64_t bytes = 0;
    };
    Counts counts() const;
    std::string metrics() const;  // Prometheus text

private:
    struct Entry {
        Digest key;
        Outputs outputs;
        std::uint64_t bytes = 0;
    };
    using Entries = std::list<Entry>;  // the latest used first

    Outputs find_entry(const Digest& key) HF_REQUIRES(mutex_);
    void keep(const Digest& key, Outputs outputs) HF_REQUIRES(mutex_);
    void evict(Entries::iterator entry) HF_REQUIRES(mutex_);

    const std::uint64_t bytes_max_;
    mutable Mutex mutex_;
    Entries entries_ HF_GUARDED_BY(mutex_);
    std::map<Digest, Entries::iterator> by_key_ HF_GUARDED_BY(mutex_);
    std::map<Digest, std::vector<Waiter>> flights_ HF_GUARDED_BY(mutex_);
    Counts counts_ HF_GUARDED_BY(mutex_);
};

}  // namespace hf::serve
