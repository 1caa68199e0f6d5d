#include "control/place/pool.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace hf::control::place {
namespace {

static_assert(std::has_unique_object_representations_v<State>, "states are hashed byte by byte");

std::uint64_t hash(const State& state) {
    std::array<std::uint64_t, sizeof(State) / 8> words;
    static_assert(sizeof words == sizeof(State));
    std::memcpy(words.data(), &state, sizeof words);
    std::uint64_t mixed = 0;
    for (const std::uint64_t word : words) {
        mixed = (mixed ^ word) * 0x9e3779b97f4a7c15u;
        mixed ^= mixed >> 32;
    }
    return mixed;
}

// Puts right the one element that became smaller: the others are sorted.
void sink(State& state, std::size_t position) {
    for (; position > 0 && state.free_milli[position - 1] > state.free_milli[position];
         --position) {
        std::swap(state.free_milli[position - 1], state.free_milli[position]);
    }
}

}  // namespace

std::int64_t State::gpu_free_milli() const {
    std::int64_t sum = 0;
    for (std::uint32_t i = 0; i < gpus; ++i) sum += free_milli[i];
    return sum;
}

int State::whole_devices() const {
    int count = 0;
    for (std::size_t i = gpus; i > 0 && free_milli[i - 1] == kDeviceMilli; --i) ++count;
    return count;
}

State empty_state(GroupIndex group, const Demand& capacity) {
    HF_CHECK(capacity.gpus <= kDevicesMax && capacity.cpu_milli <= kAmountMax &&
                 capacity.memory_mib <= kAmountMax,
             "a machine out of bounds");
    State state;
    state.cpu_milli = static_cast<std::int32_t>(capacity.cpu_milli);
    state.memory_mib = static_cast<std::int32_t>(capacity.memory_mib);
    state.group = group;
    state.gpus = static_cast<std::uint32_t>(capacity.gpus);
    std::fill_n(state.free_milli.begin(), state.gpus, static_cast<std::uint16_t>(kDeviceMilli));
    return state;
}

bool fits(const State& state, const Demand& demand) {
    if (demand.cpu_milli > state.cpu_milli || demand.memory_mib > state.memory_mib) return false;
    const auto gpus = static_cast<std::uint32_t>(demand.gpus);
    return gpus <= state.gpus &&
           (gpus == 0 || state.free_milli[state.gpus - gpus] >= demand.gpu_milli);
}

State after(const State& state, const Demand& demand, std::size_t device) {
    State next = state;
    next.cpu_milli -= static_cast<std::int32_t>(demand.cpu_milli);
    next.memory_mib -= static_cast<std::int32_t>(demand.memory_mib);
    if (demand.gpus == 1) {
        next.free_milli[device] =
            static_cast<std::uint16_t>(next.free_milli[device] - demand.gpu_milli);
        sink(next, device);
    } else if (demand.gpus > 1) {
        // The empty devices are last; full ones go first.
        const std::size_t taken = static_cast<std::size_t>(demand.gpus);
        const auto begin = next.free_milli.begin();
        std::copy_backward(begin, begin + (next.gpus - taken), begin + next.gpus);
        std::fill(begin, begin + taken, std::uint16_t{0});
    }
    return next;
}

MachineIndex Pool::add(GroupIndex group, const Demand& capacity) {
    const auto machine = static_cast<MachineIndex>(machines_.size());
    machines_.emplace_back();
    const State state = empty_state(group, capacity);
    machines_[machine].free_milli = state.free_milli;
    if (entered_.size() <= group) entered_.resize(group + 1);
    enter(machine, intern(state));
    return machine;
}

std::vector<int> Pool::place(MachineIndex machine, const Demand& demand, int device_free) {
    std::vector<int> devices;
    Machine& here = machines_[machine];
    const int wanted = demand.gpus > 1 ? kDeviceMilli : device_free;
    const int count = static_cast<int>(states_[here.state].gpus);
    for (int i = 0; i < count && static_cast<int>(devices.size()) < demand.gpus; ++i) {
        if (here.free_milli[static_cast<std::size_t>(i)] == wanted) devices.push_back(i);
    }
    HF_CHECK(place_on(machine, demand, devices), "placed where it does not fit");
    return devices;
}

bool Pool::place_on(MachineIndex machine, const Demand& demand, const std::vector<int>& devices) {
    Machine& here = machines_[machine];
    const State& state = states_[here.state];
    if (demand.cpu_milli > state.cpu_milli || demand.memory_mib > state.memory_mib) return false;
    if (devices.size() != static_cast<std::size_t>(demand.gpus)) return false;
    for (std::size_t i = 0; i < devices.size(); ++i) {
        if (devices[i] < 0 || devices[i] >= static_cast<int>(state.gpus)) return false;
        if (i > 0 && devices[i] <= devices[i - 1]) return false;
        if (here.free_milli[static_cast<std::size_t>(devices[i])] < demand.gpu_milli) return false;
    }
    for (const int device : devices) {
        std::uint16_t& free = here.free_milli[static_cast<std::size_t>(device)];
        free = static_cast<std::uint16_t>(free - demand.gpu_milli);
    }
    change(machine, demand, -1);
    return true;
}

void Pool::remove(MachineIndex machine, const Demand& demand, const std::vector<int>& devices) {
    for (const int device : devices) {
        std::uint16_t& free = machines_[machine].free_milli[static_cast<std::size_t>(device)];
        free = static_cast<std::uint16_t>(free + demand.gpu_milli);
        HF_CHECK(free <= kDeviceMilli, "removed from device {} what was not there", device);
    }
    change(machine, demand, +1);
}

void Pool::change(MachineIndex machine, const Demand& demand, int sign) {
    State next = states_[machines_[machine].state];
    next.cpu_milli += sign * static_cast<std::int32_t>(demand.cpu_milli);
    next.memory_mib += sign * static_cast<std::int32_t>(demand.memory_mib);
    next.free_milli = machines_[machine].free_milli;
    std::sort(next.free_milli.begin(), next.free_milli.begin() + next.gpus);
    leave(machine);
    enter(machine, intern(next));
}

StateIndex Pool::intern(const State& state) {
    if (index_.size() < 2 * (states_.size() + 1)) grow_index();
    const std::size_t mask = index_.size() - 1;
    std::size_t slot = hash(state) & mask;
    for (; index_[slot] != kNone; slot = (slot + 1) & mask) {
        if (states_[index_[slot]] == state) return index_[slot];
    }
    const auto index = static_cast<StateIndex>(states_.size());
    index_[slot] = index;
    states_.push_back(state);
    first_.push_back(kNone);
    return index;
}

void Pool::grow_index() {
    index_.assign(std::max<std::size_t>(64, 2 * index_.size()), kNone);
    const std::size_t mask = index_.size() - 1;
    for (StateIndex i = 0; i < states_.size(); ++i) {
        std::size_t slot = hash(states_[i]) & mask;
        while (index_[slot] != kNone) slot = (slot + 1) & mask;
        index_[slot] = i;
    }
}

void Pool::enter(MachineIndex machine, StateIndex index) {
    Machine& here = machines_[machine];
    if (first_[index] == kNone) {
        entered_[states_[index].group].push_back(index);
    } else {
        machines_[first_[index]].previous = machine;
    }
    here.state = index;
    here.next = first_[index];
    here.previous = kNone;
    first_[index] = machine;
}

void Pool::leave(MachineIndex machine) {
    const Machine& here = machines_[machine];
    if (here.next != kNone) machines_[here.next].previous = here.previous;
    if (here.previous != kNone) {
        machines_[here.previous].next = here.next;
    } else {
        first_[here.state] = here.next;
    }
}

}  // namespace hf::control::place
