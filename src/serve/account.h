// Account: what the server of models tells of a request to whoever accounts for it (seen/), beside
// what any HTTP server tells: who asked, and what the models did.
//
// Threads: as http::Observation.

#pragma once

#include <string_view>

#include "http/observation.h"
#include "serve/statistics.h"

namespace hf::serve {

class ModelHost;

class Account : public http::Observation {
public:
    // A caller that is known by his token, whether or not he may what he asks for.
    virtual void called_by(std::string_view name) = 0;

    // A Visit is over: one for most requests, one a message in a stream.
    struct Visited {
        RequestTimes times;
        bool succeeded = false;
        Instant came;  // the visit's end less RequestTimes::all
    };
    virtual void visited(const ModelHost& host, const Visited& visit) = 0;
};

// Null where nobody accounts for the request.
inline Account* account_of(const http::Request& request) {
    return dynamic_cast<Account*>(request.observation.get());
}

}  // namespace hf::serve
