// RequestObserver: accounts for the requests of a server of models, as far as those who hand it on
// need to know; seen/observer.h is the one there is. An interface, so that a program which tells of
// no requests does not hold what tells of them.
//
// Thread-safety: all methods from any thread. REQUIRES: it outlives the server.

#pragma once

#include <string>

#include "http/observation.h"

namespace hf::serve {

class RequestObserver {
public:
    virtual ~RequestObserver() = default;

    // For http::ServerOptions.
    virtual http::Observe observe() = 0;

    // Who answers the requests from now on.
    virtual void name_instance(std::string name) = 0;

    virtual std::string metrics() const = 0;  // Prometheus text
};

}  // namespace hf::serve
