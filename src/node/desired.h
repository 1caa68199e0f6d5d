// Desired: what this node shall run, read from its Node object (api/kinds/node.cpp), and what it
// must remember of it across a restart without a network: the last orders, what answered, and what
// was refused.
//
// Pure; values. The object comes over the network or from the disk, so nothing in it is trusted to
// be well-formed: entries that cannot be read are INVALID_ARGUMENT and name themselves.

#pragma once

#include <map>
#include <string>
#include <vector>

#include "api/object.h"
#include "node/lifecycle.h"

namespace hf::node {

inline constexpr std::size_t kMaxMemoryBytes = 16u << 20;

struct Desired {
    std::string uid;                     // of the Node
    std::int64_t generation = 0;         // of its spec; only grows
    std::map<std::string, Wish> wishes;  // by service
};

Result<Desired> read_desired(const api::Object& node);

// Whether `next` may follow `last`: orders only grow. FAILED_PRECONDITION says which was older, or
// that one generation has two orders, as after a backup of the control plane was restored: which of
// them is newer nobody can know. A Node that was made anew starts again.
Status check_follows(const Desired& last, const Desired& next);

// A version that was activated and has not stood its trial: the process may have ended by it.
struct Trial {
    std::string digest;
    std::int64_t starts = 0;     // of the process, while it was on trial
    std::string policy_version;  // by which it was activated, for that device
    std::string device;
    friend bool operator==(const Trial&, const Trial&) = default;
};

// A version under which the process ended so often is refused.
inline constexpr std::int64_t kTrialStartsMax = 2;

struct Memory {
    api::Object node;                    // with the orders followed last
    std::map<std::string, Wish> active;  // what answered, as it was wished for; digest always set
    std::map<std::string, std::vector<Refusal>> refusals;  // by service
    std::map<std::string, Trial> trials;                   // by service
};

std::string write_memory(const Memory& memory);

// INVALID_ARGUMENT or DATA_LOSS when these are not the bytes of write_memory().
Result<Memory> read_memory(std::string_view text);

}  // namespace hf::node
