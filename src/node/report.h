// Report: the status of this node's Node object, from what it is and what its services do. Pure.

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "node/lifecycle.h"
#include "node/load.h"
#include "node/mail.h"
#include "node/profile.h"

namespace hf::node {

struct NodeFacts {
    std::int64_t cpus = 0;
    std::int64_t memory_bytes = 0;
    std::string architecture;
    std::vector<std::string> instruction_sets;
    std::string version;       // of Holdfast
    std::string url;           // where services answer
    std::string jurisdiction;  // whose law holds here, as its owner says; empty: unknown
};

// The version of a service that answers, or that was verified last.
struct Running {
    std::string digest;
    std::string signer;
    std::string format;
    std::string url;
    std::string device;
    std::uint64_t size_bytes = 0;
};

struct Report {
    const NodeFacts& facts;
    const State& state;
    const std::map<std::string, Running>& running;  // by service
    const std::map<std::string, Answers>& answers;  // by service
    const MailAccount account;
    std::int64_t generation = 0;                               // of the orders that are followed
    const Profile* profile = nullptr;                          // null: not known yet
    const std::map<std::string, LoadMeter>* meters = nullptr;  // by service; null: none
};

// Everything but the conditions of the Node itself.
json::Object node_status(const Report& report, Instant now);

}  // namespace hf::node
