#include "control/place/fragmentation.h"

#include <algorithm>
#include <tuple>

#include "base/check.h"

namespace hf::control::place {
namespace {

// Equal demands become one, the most usual come first.
std::vector<UsualDemand> merged(std::vector<UsualDemand> usual) {
    const auto key = [](const UsualDemand& a) { return std::tie(a.demand, a.kinds); };
    std::sort(usual.begin(), usual.end(),
              [&](const auto& a, const auto& b) { return key(a) < key(b); });
    std::vector<UsualDemand> distinct;
    for (const UsualDemand& one : usual) {
        if (!distinct.empty() && key(distinct.back()) == key(one)) {
            distinct.back().weight += one.weight;
        } else {
            distinct.push_back(one);
        }
    }
    std::stable_sort(distinct.begin(), distinct.end(),
                     [](const auto& a, const auto& b) { return a.weight > b.weight; });
    return distinct;
}

void keep_most_usual(std::vector<UsualDemand>& usual, const Fragmentation::Options& options) {
    double total = 0;
    for (const UsualDemand& one : usual) total += one.weight;
    double covered = 0;
    std::size_t count = 0;
    while (count < usual.size() && count < options.demands_max &&
           covered < options.coverage * total) {
        covered += usual[count++].weight;
    }
    usual.resize(count);
    for (UsualDemand& one : usual) one.weight /= covered;
}

constexpr double kEveryDevice = kDevicesMax * kDeviceMilli;

}  // namespace

Fragmentation Fragmentation::of(std::vector<UsualDemand> usual, Options options) {
    usual = merged(std::move(usual));
    keep_most_usual(usual, options);
    std::erase_if(usual, [](const UsualDemand& one) { return one.demand.gpus == 0; });
    const auto order = [](const UsualDemand& one) {
        return std::tuple(one.demand.gpus, one.demand.gpu_milli, one.demand.cpu_milli,
                          one.demand.memory_mib, one.kinds);
    };
    std::sort(usual.begin(), usual.end(),
              [&](const auto& a, const auto& b) { return order(a) < order(b); });
    Fragmentation result;
    for (const UsualDemand& one : usual) {
        const Demand& demand = one.demand;
        HF_CHECK(one.weight > 0, "a usual demand without weight");
        const auto gpus = static_cast<std::uint32_t>(demand.gpus);
        const auto position = static_cast<std::uint32_t>(result.entries_.size());
        if (result.classes_.empty() || result.classes_.back().gpus != gpus ||
            result.classes_.back().gpu_milli != demand.gpu_milli) {
            const auto milli = static_cast<std::uint16_t>(demand.gpu_milli);
            result.classes_.push_back({gpus, milli, position, position});
        }
        result.classes_.back().end = position + 1;
        const auto supply = [&](std::int64_t other) -> Supply {
            if (other == 0 || !options.fill) return {0, kEveryDevice};
            return {static_cast<double>(demand.gpu_total_milli()) / static_cast<double>(other), 0};
        };
        result.entries_.push_back({static_cast<double>(demand.cpu_milli),
                                   static_cast<double>(demand.memory_mib), supply(demand.cpu_milli),
                                   supply(demand.memory_mib), one.weight, one.kinds});
    }
    return result;
}

double Fragmentation::usable(const State& state, std::uint32_t kind) const {
    if (state.gpus == 0 || state.free_milli[state.gpus - 1] == 0) return 0;
    std::int64_t open = state.gpu_free_milli();  // of the devices with enough free
    std::uint32_t smaller = 0;                   // how many have not
    double sum = 0;
    for (const Class& shape : classes_) {  // by device count, then by share
        if (shape.gpus == 1) {
            while (smaller < state.gpus && state.free_milli[smaller] < shape.gpu_milli) {
                open -= state.free_milli[smaller++];
            }
            if (smaller == state.gpus) continue;
            sum += of_class(shape, state, kind, static_cast<double>(open));
        } else {
            const int whole = state.whole_devices();
            if (whole < static_cast<int>(shape.gpus)) break;
            sum += of_class(shape, state, kind, static_cast<double>(whole * kDeviceMilli));
        }
    }
    return sum;
}

double Fragmentation::of_class(const Class& shape, const State& state, std::uint32_t kind,
                               double open) const {
    const double cpu = state.cpu_milli;
    const double memory = state.memory_mib;
    double sum = 0;
    for (std::uint32_t i = shape.begin; i < shape.end && entries_[i].cpu_milli <= cpu; ++i) {
        const Entry& entry = entries_[i];
        if (entry.memory_mib > memory || (entry.kinds >> kind & 1) == 0) continue;
        const double held = std::min(entry.by_cpu.of(cpu), entry.by_memory.of(memory));
        sum += entry.weight * std::min(open, held);
    }
    return sum;
}

}  // namespace hf::control::place
