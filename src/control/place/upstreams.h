// Who asks whom: the cascades of a fleet as Services write them (spec.cascade), whether each can be
// followed, and what one says in a sentence for people.
//
// A cascade that cannot be followed stops nothing: its service stands alone. Pure.

#pragma once

#include <map>
#include <string>
#include <vector>

#include "api/object.h"

namespace hf::control::place {

// By "namespace/name"; an empty upstream for a service without one.
using Upstreams = std::map<std::string, std::string, std::less<>>;

// A service that is being removed asks nobody, and nobody asks it.
Upstreams upstreams_of(const std::vector<const api::Object*>& services);
Upstreams upstreams_of(const std::vector<api::Object>& services);

enum class Chain : unsigned char {
    kNone,     // the service asks nobody
    kGood,     // its upstream is there
    kMissing,  // it is not
    kRing,     // its upstreams come back to it
    kTooDeep,  // an answer could go through more than api::kCascadeDepthMax upstreams
};
Chain judge_chain(const Upstreams& upstreams, std::string_view service);

// What is wrong with it, and the remedy; empty for kNone and kGood.
std::string chain_trouble(Chain chain, std::string_view upstream);

// "Terms of the cascade: ..." in one line; empty for a service without one.
std::string cascade_terms(const api::Object& service);

}  // namespace hf::control::place
