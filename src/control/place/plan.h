// Plan: which replicas run where, from what a fleet has, what its services want and what runs now.
//
//   1. What runs stays where it may: its machine is there and ready, residency, latency, pins and
//      limits hold, and it fits. Nothing else is ever moved.
//   2. Prices for scarce capacity, and a bound on the cost, come from the dual (dual.h).
//   3. What is missing goes, the largest first, each to the machine of the least cost: price and
//      energy, scarcity by those prices, lost usable GPU, best fit (chooser.h). Then what was just
//      placed moves to where room that others left costs less.
//   4. Priority says who is left out when not all fit: then all is planned again in its order. It
//      evicts nothing that runs.
//
// Every choice carries the parts of its score, every refusal its reason by group of machines
// (explain.h writes both out). A rule is never bent: a replica that no machine may take is missing.
//
// Pure and deterministic: equal fleets give equal plans, in whatever order their lists are.
// Planning again over the outcome changes nothing. Costs are in millionths of a currency unit an
// hour, as the services' weights count them.

#pragma once

#include <vector>

#include "control/place/chooser.h"
#include "control/place/dual.h"
#include "control/place/fleet.h"
#include "control/place/layout.h"

namespace hf::control::place {

// Services times groups of machines that one plan looks at.
inline constexpr std::size_t kPairsMax = 8'000'000;
// Rows of refused machines of one service; the rest is counted in one row a reason, without a
// place.
inline constexpr std::size_t kRefusedRowsMax = 24;
// A replica that is placed nowhere counts as much as so many on the dearest machine it may use.
inline constexpr double kMissingFactor = 10;

struct PlanOptions {
    ScoreWeights weights;
    DualOptions dual;
};

struct ScoreParts {
    double price = 0;
    double energy = 0;
    double scarcity = 0;       // the dual's prices
    double fragmentation = 0;  // usable GPU that others lose
    double best_fit = 0;
    double sum() const { return price + energy + scarcity + fragmentation + best_fit; }
    friend bool operator==(const ScoreParts&, const ScoreParts&) = default;
};

struct Placed {
    Replica replica;
    bool kept = false;  // it ran there before, and was not weighed against others
    ScoreParts score;
    friend bool operator==(const Placed&, const Placed&) = default;
};

struct Displaced {  // it ran, and may not stay
    Replica replica;
    Refusal why = Refusal::kNone;
    friend bool operator==(const Displaced&, const Displaced&) = default;
};

struct RefusedNodes {
    std::string site;  // empty, with device_kind: several, for want of rows
    std::string device_kind;
    Refusal why = Refusal::kNone;
    std::int64_t nodes = 0;
    friend bool operator==(const RefusedNodes&, const RefusedNodes&) = default;
};

struct ServicePlan {
    std::string service;
    std::int64_t wanted = 0;
    std::vector<Placed> placed;  // by machine, then devices
    std::vector<Displaced> displaced;
    std::vector<RefusedNodes> refused;  // the most machines first

    std::int64_t missing() const { return wanted - static_cast<std::int64_t>(placed.size()); }
    friend bool operator==(const ServicePlan&, const ServicePlan&) = default;
};

struct Plan {
    std::vector<ServicePlan> services;  // by name
    std::vector<Replica> orphans;       // run, and belong to no service
    double cost = 0;                    // missing replicas included, at kMissingFactor
    double bound = 0;                   // no plan costs less, even one that moves everything
    std::uint64_t evaluations = 0;      // scores computed

    double gap() const;  // (cost - bound) / bound; 0 where both are 0
    std::int64_t missing() const;
    std::vector<Replica> replicas() const;
    friend bool operator==(const Plan&, const Plan&) = default;
};

// INVALID_ARGUMENT or RESOURCE_EXHAUSTED as check(fleet) says, and for more pairs than kPairsMax.
Result<Plan> plan(const Fleet& fleet, const PlanOptions& options);
inline Result<Plan> plan(const Fleet& fleet) {
    return plan(fleet, {});
}

}  // namespace hf::control::place
