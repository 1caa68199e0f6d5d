// Layout: a fleet in the form that planning works on: machines in groups of the same site, kind and
// size, services with what each group would cost them or why it refuses them.
//
// Everything is ordered by name, so that the order of the fleet's lists does not matter. Machines
// that are not ready are counted, not planned on. Immutable; borrows the fleet, which outlives it.

#pragma once

#include <map>
#include <string_view>
#include <vector>

#include "control/place/fleet.h"
#include "control/place/pool.h"

namespace hf::control::place {

// Why a machine does not take a replica, in the order in which it is asked.
enum class Refusal : unsigned char {
    kNone,
    kGone,       // no such machine any more
    kUnwanted,   // fewer replicas are wanted
    kNotPinned,  // the service names its machines, and this is none of them
    kNotReady,
    kJurisdictionForbidden,
    kJurisdictionNotAllowed,
    kJurisdictionUnknown,
    kJurisdictionLeft,  // of a cascade: the answer must come from the same jurisdiction
    kLatency,
    kDeviceKind,
    kSmallCpu,  // even an empty machine of this size would not do
    kSmallMemory,
    kSmallGpu,
    kDomainFull,  // as many replicas in the fault domain as may be
    kNodeFull,    // as many on the machine
    kNoCpu,       // too little left
    kNoMemory,
    kNoGpu,
    kOutscored,  // none: it is allowed, and another was better or had room
};

// "JurisdictionForbidden", and a sentence of what it means.
std::string_view refusal_name(Refusal refusal);
std::string_view refusal_meaning(Refusal refusal);

// Whether residency lets data lie there: kNone or a kJurisdiction... reason.
Refusal judge_residency(const Residency& residency, const std::string& jurisdiction);

// Why a machine with this much free does not take the demand: kNone, kNoCpu, kNoMemory, kNoGpu.
Refusal judge_free(const State& state, const Demand& demand);

struct Group {
    const Site* site = nullptr;
    std::string_view device_kind;
    Demand capacity;  // of one machine; gpu_milli is whole devices
    std::int64_t price_micros = 0;
    std::int64_t watts_max = 0;
    std::uint32_t kind = 0;    // number of device_kind
    std::uint32_t domain = 0;  // number of the fault domain
    std::int64_t ready = 0;    // machines
    std::int64_t not_ready = 0;
};

// What one replica costs on a machine of a group: its share of the machine, by the resource of
// which it takes most, times the machine's price and its power with the site's overhead, weighted.
struct Cost {
    double price = 0;
    double energy = 0;
    double sum() const { return price + energy; }
};

class Layout final {
public:
    // REQUIRES: check(fleet).ok().
    explicit Layout(const Fleet& fleet);

    const std::vector<Group>& groups() const { return groups_; }
    std::size_t domain_count() const { return domain_count_; }
    const Demand& largest() const { return largest_; }  // the most of each amount on one machine

    // The ready machines, in descending order of name: the pool offers the latest first.
    const std::vector<const Node*>& machines() const { return machines_; }
    GroupIndex group_of(MachineIndex machine) const { return group_of_[machine]; }
    // kNone when it is not there or not ready; known() tells which.
    MachineIndex find(std::string_view node) const;
    bool known(std::string_view node) const { return nodes_.contains(node); }

    // By name.
    const std::vector<const Service*>& services() const { return services_; }

    // What keeps the service off the whole group: kNone, or a reason up to kSmallGpu.
    Refusal judge(const Service& service, const Group& group) const;
    Cost cost(const Service& service, const Group& group) const;

private:
    void add_groups(const Fleet& fleet);

    std::vector<Group> groups_;
    std::size_t domain_count_ = 0;
    Demand largest_{1, 1, 1, kDeviceMilli};
    std::vector<const Node*> machines_;
    std::vector<GroupIndex> group_of_;
    std::map<std::string_view, MachineIndex> nodes_;  // kNone: not ready
    std::vector<const Service*> services_;
};

// The share of a machine that a demand takes, by the resource of which it takes most. Of what it
// has not, and is not asked for, it takes nothing. REQUIRES: it would fit on the empty machine.
double dominant_share(const Demand& demand, const Demand& capacity);

}  // namespace hf::control::place
