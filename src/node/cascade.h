// A cascade as this node was ordered it: which larger service a replica here asks when it is
// unsure, on which machine, and whether its data may go there by this machine's own judgement. The
// server names only machines where the data may lie; should it err, the data stays all the same.
//
// Pure; values. The order comes over the network or from the disk: what cannot be read is
// INVALID_ARGUMENT and names itself.

#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "base/status.h"
#include "base/time.h"

namespace hf::node {

struct Wish;

struct Cascade {
    std::string upstream;  // "namespace/name"
    std::string output;    // that confidence is measured of; empty: the first
    std::string measure;   // "max-softmax", ...
    std::int64_t below_milli = 0;
    Duration timeout{};
    std::int64_t budget_percent = 0;
    bool refuse = false;  // rather no answer than an unsure one
    bool in_jurisdiction = false;

    // Whom it asks; node empty: nobody, and `alone` says why: "residency", "no-upstream", ...
    std::string node;
    std::string url;
    std::string jurisdiction;
    std::string alone;
};

// `order` is the "cascade" of an order of that namespace.
Result<Cascade> read_cascade(const json::Value& order, std::string_view ns);

// The cascade of the wish, for a machine in the jurisdiction `here` (empty: unknown): nobody is
// asked, for "residency", where the wish does not let data lie. REQUIRES: wish.cascade was read by
// read_wish(), or is read_cascade()'s to refuse.
Result<Cascade> cascade_of(const Wish& wish, const std::string& here);

}  // namespace hf::node
