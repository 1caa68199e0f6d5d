// Pool: machines by what is free on them. Machines of one group (same place, kind and size) with
// the same amounts free are interchangeable, so they share a state; a placement moves one machine
// from one state to another and leaves every other state, and all that was computed of it, alone.
// States are never forgotten: a pool holds at most one more for each placement or removal.
//
// Whoever keeps scores of states reads entered(group): the states that machines came into, oldest
// first, and evaluates only what is new there (chooser.h).
//
// Owns its data. Deterministic: state numbers and the order of members follow from the order of
// calls. Not thread-safe. Bad arguments are bugs of the caller: HF_CHECK.

#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <vector>

#include "control/place/fleet.h"

namespace hf::control::place {

using MachineIndex = std::uint32_t;
using GroupIndex = std::uint32_t;
using StateIndex = std::uint32_t;

inline constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

// What is free on a machine. Devices are sorted, the fullest first: which of them it is does not
// matter for what fits. All bytes count for equality.
struct State {
    std::int32_t cpu_milli = 0;
    std::int32_t memory_mib = 0;
    std::uint32_t group = 0;
    std::uint32_t gpus = 0;
    std::array<std::uint16_t, kDevicesMax> free_milli{};  // ascending; zero beyond `gpus`

    friend bool operator==(const State&, const State&) = default;

    std::int64_t gpu_free_milli() const;
    int whole_devices() const;  // with nothing on them
};

// A machine of this size with nothing on it. REQUIRES: amounts within the bounds of fleet.h.
State empty_state(GroupIndex group, const Demand& capacity);

// Whether a replica fits. Shares need one device with enough free, several devices must be empty.
bool fits(const State& state, const Demand& demand);

// The state after it. `device` is the position in free_milli of the device that a share or a single
// device goes to; several devices are the empty ones. REQUIRES: fits(), also on that device.
State after(const State& state, const Demand& demand, std::size_t device);

class Pool final {
public:
    // A machine with nothing on it. REQUIRES: amounts within the bounds of fleet.h.
    MachineIndex add(GroupIndex group, const Demand& capacity);

    // Places on the machine, on the lowest-numbered device that has `device_free` milli free (what
    // State::free_milli holds), or the lowest-numbered empty ones; returns the devices, ascending.
    // REQUIRES: it fits.
    std::vector<int> place(MachineIndex machine, const Demand& demand, int device_free);

    // Places on just these devices; false, and no change, when they do not exist or it does not
    // fit on them.
    bool place_on(MachineIndex machine, const Demand& demand, const std::vector<int>& devices);

    // REQUIRES: it was placed so.
    void remove(MachineIndex machine, const Demand& demand, const std::vector<int>& devices);

    const State& state(StateIndex index) const { return states_[index]; }
    StateIndex state_of(MachineIndex machine) const { return machines_[machine].state; }
    std::size_t machine_count() const { return machines_.size(); }
    std::size_t state_count() const { return states_.size(); }
    std::size_t group_count() const { return entered_.size(); }
    const std::vector<StateIndex>& entered(GroupIndex group) const { return entered_[group]; }

    // The machines in a state: first_in(), then next() until kNone. The latest to enter is first.
    MachineIndex first_in(StateIndex index) const { return first_[index]; }
    MachineIndex next(MachineIndex machine) const { return machines_[machine].next; }

private:
    struct Machine {
        StateIndex state = kNone;
        MachineIndex next = kNone;
        MachineIndex previous = kNone;
        std::array<std::uint16_t, kDevicesMax> free_milli{};  // by number of the device
    };

    StateIndex intern(const State& state);
    void grow_index();
    void enter(MachineIndex machine, StateIndex index);
    void leave(MachineIndex machine);
    // Moves the machine to the state that its devices, and these changes of the rest, amount to.
    void change(MachineIndex machine, const Demand& demand, int sign);

    std::vector<Machine> machines_;
    std::vector<State> states_;
    std::vector<MachineIndex> first_;               // by state
    std::vector<StateIndex> index_;                 // open addressing, a power of two of slots
    std::vector<std::vector<StateIndex>> entered_;  // by group
};

}  // namespace hf::control::place
