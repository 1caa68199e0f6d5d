// A Scorer that asks a server over the Open Inference Protocol, window by window.

#pragma once

#include <memory>
#include <string>

#include "cli/replay.h"

namespace hf::cli {

struct ScorerAddress {
    std::string server;       // a base URL, "http://127.0.0.1:8080"
    std::string service;      // a detector that answers there
    std::string ca_pem = {};  // believed besides the system's authorities
    std::string token = {};   // sent as a bearer token unless empty
};

// Checks that the service is there and has a detector's inputs.
Result<std::unique_ptr<Scorer>> connect_scorer(const ScorerAddress& address);

}  // namespace hf::cli
