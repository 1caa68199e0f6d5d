// SpanExporter: sends spans to a collector, by OTLP/HTTP, and never makes a request wait for it.
//
// The idea: offer() puts spans into a queue of at most queue_max and returns; one thread
// ("hf-traces") sends them in batches. What does not fit is dropped and counted, and so is a batch
// that a collector refuses, or that could not be delivered in kTriesMax tries, between which the
// thread waits twice as long each time. Destruction sends what is left, for kGoodbye at most.
//
// Thread-safety: all methods from any thread.

#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/rng.h"
#include "env/clock.h"
#include "http/client.h"
#include "serve/seen/otlp.h"
#include "serve/seen/span.h"

namespace hf::serve::seen {

inline constexpr std::size_t kTriesMax = 6;  // of one batch
inline constexpr Duration kGoodbye = std::chrono::seconds(2);

struct SpanExporterOptions {
    std::string endpoint;             // the collector's base URL: "http://127.0.0.1:4318"
    std::vector<Attribute> resource;  // who sends; service.instance.id is added
    std::string instance;
    std::size_t queue_max = 8192;  // spans
    std::size_t batch_max = 512;
    Duration batch_delay = std::chrono::seconds(1);  // how long a batch gathers
    Duration pause_min = std::chrono::seconds(1);    // before the second try but one
    Duration pause_max = std::chrono::seconds(30);
    std::uint64_t seed = 1;  // of the pauses, which differ between servers
};

// How long to wait before the next try after so many failures in a row: nothing after the first,
// which may be a connection that had ended; then min, 2 min, 4 min, ..., max.
Duration pause_after(std::size_t failures, const SpanExporterOptions& options);

class SpanExporter final {
    struct Private {
        explicit Private() = default;
    };

public:
    // INVALID_ARGUMENT names what is wrong with the endpoint. Whether a collector is there shows
    // later, in the counts. REQUIRES: the clock outlives it.
    static Result<std::unique_ptr<SpanExporter>> start(SpanExporterOptions options,
                                                       const env::Clock& clock);
    SpanExporter(Private, SpanExporterOptions options, std::unique_ptr<http::Client> client,
                 const env::Clock& clock);
    ~SpanExporter();
    SpanExporter(const SpanExporter&) = delete;
    SpanExporter& operator=(const SpanExporter&) = delete;

    void offer(Span span);

    // Who sends, as service.instance.id, from the next batch on.
    void name_instance(std::string name);

    // Of spans.
    struct Counts {
        std::uint64_t sent = 0;     // the collector has them
        std::uint64_t refused = 0;  // by the collector
        std::uint64_t dropped = 0;  // the queue was full, or nobody took them
        std::uint64_t waiting = 0;
    };
    Counts counts() const;
    std::string metrics() const;  // Prometheus text

private:
    std::vector<Span> take();  // empty: the end
    void deliver(const std::vector<Span>& batch);
    std::vector<Attribute> resource() const;
    Delivery post(const http::ClientRequest& request, std::uint64_t& rejected);
    bool pause();  // false: there is no time to try again
    Status pulse() const;

    const SpanExporterOptions options_;
    const env::Clock& clock_;
    const std::unique_ptr<http::Client> client_;  // the thread's, as are these two:
    std::size_t failures_ = 0;                    // in a row
    Rng rng_;

    mutable Mutex mutex_;
    ConditionVariable news_;
    std::string instance_ HF_GUARDED_BY(mutex_);
    std::deque<Span> queue_ HF_GUARDED_BY(mutex_);
    Counts counts_ HF_GUARDED_BY(mutex_);  // but for `waiting`
    bool ending_ HF_GUARDED_BY(mutex_) = false;
    Duration end_at_ HF_GUARDED_BY(mutex_) = Duration::max();  // of the monotonic clock

    std::thread thread_;  // last: it uses the rest
};

}  // namespace hf::serve::seen
