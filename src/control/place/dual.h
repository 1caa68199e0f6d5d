// Dual: prices for what is scarce, and a bound that no placement can beat.
//
// The cheapest placement is a linear program with one integer for each service and group of
// machines. Let go of the capacities and charge prices for them instead (Lagrangian relaxation;
// Fisher, "The Lagrangian relaxation method for solving integer programming problems", 1981): then
// each service fills its cheapest groups alone, and for any prices the sum less the price of all
// capacity is a lower bound on the cost. Subgradient steps with Polyak's length towards a target
// above the best bound raise it; they are deflected by earlier ones (Camerini, Fratta, Maffioli,
// "On improving relaxation methods by modified gradient techniques", 1975). Capacities count whole
// groups, so the bound also allows replicas to be cut between machines; it keeps the limits that
// need no prices: what one machine holds at most, replicas in a fault domain, and residency and the
// like (those entries are absent).
//
// Pure and deterministic: doubles in a fixed order.

#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "control/place/fleet.h"

namespace hf::control::place {

struct DualProblem {
    struct Entry {  // a service may use a group
        std::uint32_t group = 0;
        std::int64_t most = 0;  // replicas that the group holds if nothing else is there
        double cost = 0;        // of one
    };
    struct Service {
        Demand demand;
        std::int64_t replicas = 0;
        double missing_cost = 0;      // of a replica that is placed nowhere; above every cost
        std::int64_t domain_max = 0;  // zero: any number
        std::vector<Entry> entries;   // by cost, the least first
    };
    struct Group {
        std::array<double, 3> capacity{};  // of all machines: CPU, memory, GPU
        std::uint32_t domain = 0;
    };
    std::vector<Service> services;
    std::vector<Group> groups;
    std::size_t domains = 0;
};

struct Prices {
    double bound = 0;  // no placement costs less, missing replicas included
    // By group: for a thousandth of CPU, a MiB, a thousandth of a GPU. Not negative.
    std::vector<std::array<double, 3>> of_group;
    int rounds = 0;

    double of(std::uint32_t group, const Demand& demand) const;
};

struct DualOptions {
    int rounds_max = 150;
    std::uint64_t entries_max = 8'000'000;  // looked at in all rounds; one round is always done
};

Prices solve_dual(const DualProblem& problem, const DualOptions& options);

}  // namespace hf::control::place
