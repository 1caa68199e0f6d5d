// TraceSampler: whether a request is recorded, by settings that may change while requests come: the
// server's, and those of single models, which go before.
//
// A value; whoever shares one guards it. Its bound: kMaxModels models with settings of their own.

#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/status.h"
#include "serve/trace_settings.h"

namespace hf::serve::seen {

class TraceSampler final {
public:
    explicit TraceSampler(TraceSettings start) : start_(start), server_(start) {}

    // Whether any model has settings of its own.
    bool has_models() const { return !models_.empty(); }

    // Of the model; the server's where it has none, or none is named.
    const TraceSettings& settings(std::string_view model) const;

    // The settings after the change. What a change clears falls back to the server's, or, of the
    // server, to what it was started with; no change at all: a model has none any more. After an
    // error nothing has changed: as change_trace(), and RESOURCE_EXHAUSTED.
    Result<TraceSettings> change(std::string_view model, const TraceChange& change);

    bool records(std::string_view model) const { return settings(model).on; }

    // Whether a trace that begins with a request for the model is recorded; counts it if so.
    // `drawn`: evenly from 0 up to 1.
    bool begins(std::string_view model, double drawn);

private:
    const TraceSettings start_;
    TraceSettings server_;
    std::map<std::string, TraceSettings, std::less<>> models_;
};

}  // namespace hf::serve::seen
