// RequestObserver: accounts for the requests of a server of models, as far as those who hand it on
// need to know; seen/observer.h is the one there is. An interface, so that a program which tells of
// no requests does not hold what tells of them.
//
// Thread-safety: all methods from any thread. REQUIRES: it outlives the server.

#pragma once

#include <string>
#include <string_view>

#include "http/observation.h"
#include "serve/log_settings.h"
#include "serve/trace_settings.h"

namespace hf::serve {

class RequestObserver {
public:
    virtual ~RequestObserver() = default;

    // For http::ServerOptions.
    virtual http::Observe observe() = 0;

    // Who answers the requests from now on.
    virtual void name_instance(std::string name) = 0;

    virtual std::string metrics() const = 0;  // Prometheus text

    // Whether it records any request in traces; the rest is for those that do.
    virtual bool traces() const = 0;

    // The settings that hold for the model, or the server's where none is named.
    virtual TraceSettings tracing(std::string_view model) const = 0;

    // The settings after the change. A model that had none of its own has a copy of the server's
    // then; with no change at all, it has none any more. Errors as change_trace().
    virtual Result<TraceSettings> change_tracing(std::string_view model,
                                                 const TraceChange& change) = 0;

    // Whether it writes lines of requests; the rest is for those that do.
    virtual bool logs() const = 0;

    // As describe_log().
    virtual std::vector<std::pair<std::string, LogValue>> logging() const = 0;

    // The same after the change, which holds for requests that come from now on. Errors as
    // change_log().
    virtual Result<std::vector<std::pair<std::string, LogValue>>> change_logging(
        const LogChange& change) = 0;
};

}  // namespace hf::serve
