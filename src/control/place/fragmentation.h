// Fragmentation: how much of what is free on a machine the usual demands could not use. Placing
// where it grows least is fragmentation gradient descent (FGD; Weng et al., "Beware of
// Fragmentation: Scheduling GPU-Sharing Workloads with Fragmentation Gradient Descent", ATC'23).
//
// FGD counts a machine's free GPUs as usable for a demand as soon as one replica fits. That
// overlooks GPUs whose CPU runs out first, so usable() fills the machine: of demand m it can hold
// at most min(cpu / cpu_m, memory / memory_m) replicas, so m can use no more than
//
//     min(sum of the devices with enough free for m, replicas of m * GPU of m)
//
// and nothing where not one fits. Averaged over the demands by how usual they are; CPU-only demands
// use no GPU and count for nothing. With `fill` off it is FGD's own measure.
//
// Immutable once made; thread-safe.

#pragma once

#include <cstdint>
#include <vector>

#include "control/place/pool.h"

namespace hf::control::place {

struct UsualDemand {
    Demand demand;
    double weight = 0;            // how usual: any positive scale
    std::uint64_t kinds = ~0ull;  // bit k: may use machines of kind k
};

class Fragmentation final {
public:
    struct Options {
        bool fill = true;
        double coverage = 0.95;  // take the most usual demands until so much weight is covered
        std::size_t demands_max = 128;  // and at most so many: the rest count for nothing
    };

    // REQUIRES: demands within the bounds of fleet.h; weights positive.
    static Fragmentation of(std::vector<UsualDemand> usual, Options options);
    static Fragmentation of(std::vector<UsualDemand> usual) { return of(std::move(usual), {}); }

    // GPU thousandths of the state that an average demand could use, on a machine of this kind
    // (0 to 63). It never grows when something is placed.
    double usable(const State& state, std::uint32_t kind) const;

private:
    struct Supply {  // the GPU thousandths that an amount of another resource can serve
        double rate;
        double flat;
        double of(double amount) const { return rate * amount + flat; }
    };
    struct Entry {
        double cpu_milli;
        double memory_mib;
        Supply by_cpu;
        Supply by_memory;
        double weight;
        std::uint64_t kinds;
    };
    struct Class {  // entries of one GPU demand, by CPU
        std::uint32_t gpus;
        std::uint16_t gpu_milli;
        std::uint32_t begin;
        std::uint32_t end;
    };

    double of_class(const Class& shape, const State& state, std::uint32_t kind, double open) const;

    std::vector<Class> classes_;
    std::vector<Entry> entries_;
};

}  // namespace hf::control::place
