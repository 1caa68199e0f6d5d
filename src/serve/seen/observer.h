// Observer: accounts for every request of a server, in spans and in a line of the access log, each
// where it is wanted. It also decides which trace a request belongs to:
//
//     a valid traceparent   that trace goes on, sampled as it says
//     none, an invalid one  a new trace, sampled as the trace settings say
//
// Settings that say OFF record nothing, and the trace goes on without this server.
//
// From then on the request's own traceparent names the span that this server records, so that who
// passes it on (a gateway, a cascade) does so with that span as the parent. Where none is recorded
// the parent stays who it was.
//
// Of a request there are the span itself (SERVER), and below it, where a model was asked, "queue"
// (from the header until a worker had it, the body's arrival included) and "compute" (in the
// model); attributes by OpenTelemetry's semantic conventions for HTTP and RPC (1.27), our own under
// "holdfast.".
//
// Thread-safety: all methods from any thread. REQUIRES: what the options name, and the observer,
// outlive the server.

#pragma once

#include <memory>
#include <string>

#include "base/mutex.h"
#include "base/rng.h"
#include "env/clock.h"
#include "http/trace_context.h"
#include "serve/request_observer.h"
#include "serve/seen/access_log.h"
#include "serve/seen/span_exporter.h"
#include "serve/seen/trace_sampler.h"

namespace hf::serve::seen {

struct ObserverOptions {
    SpanExporter* spans = nullptr;  // null: no spans
    AccessLog* log = nullptr;       // null: no log
    double ratio = 0.1;             // of new traces that are sampled at first, 0 to 1
    std::uint64_t seed = 1;         // of identifiers; from env::Entropy where traces of others meet
    std::string log_file = {};  // where the log goes, as its settings tell; empty: standard output
};

class Observer final : public RequestObserver {
public:
    // REQUIRES: the clock outlives it.
    Observer(ObserverOptions options, const env::Clock& clock);

    http::Observe observe() override;

    // In the spans, as service.instance.id.
    void name_instance(std::string name) override;

    http::SpanId new_span();

    std::string metrics() const override;

    bool traces() const override { return options_.spans != nullptr; }
    TraceSettings tracing(std::string_view model) const override;
    Result<TraceSettings> change_tracing(std::string_view model,
                                         const TraceChange& change) override;

    bool logs() const override { return options_.log != nullptr; }
    std::vector<std::pair<std::string, LogValue>> logging() const override;
    Result<std::vector<std::pair<std::string, LogValue>>> change_logging(
        const LogChange& change) override;

private:
    std::shared_ptr<http::Observation> begin(http::Request& request);
    http::TraceContext new_trace(const http::Request& request);
    bool records(const http::Request& request) const;
    LogSettings log_settings() const;
    std::string model_of(const http::Request& request) const HF_REQUIRES(mutex_);

    const ObserverOptions options_;
    const env::Clock& clock_;

    mutable Mutex mutex_;
    TraceSampler sampler_ HF_GUARDED_BY(mutex_);
    Rng rng_ HF_GUARDED_BY(mutex_);
    LogSettings logging_ HF_GUARDED_BY(mutex_);
};

}  // namespace hf::serve::seen
