// Fleet: what the placer decides over, as plain values: places, machines, and services that want
// replicas on them. Where these values come from is the caller's business (from_resources.h reads
// them from the resource API).
//
// Units: CPU in thousandths of a hardware thread, memory in MiB, GPU shares in thousandths of one
// device, prices in millionths of a currency unit an hour, power in watts. A GPU demand is either a
// share of one device (gpus = 1, gpu_milli below 1000) or whole devices (gpu_milli = 1000): the
// model of the GPU-sharing trace published with Weng et al., "Beware of Fragmentation" (ATC'23).
//
// Thread-safety: values. check() refuses what is out of bounds, so that nothing behind it can
// overflow.

#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/time.h"

namespace hf::control::place {

inline constexpr int kDeviceMilli = 1000;  // one whole GPU
inline constexpr int kDevicesMax = 16;     // GPUs of one machine
inline constexpr std::int64_t kAmountMax = 1'000'000'000;
inline constexpr std::int64_t kPriceMaxMicros = 1'000'000'000'000;
inline constexpr std::int64_t kWattsMax = 1'000'000;
inline constexpr std::size_t kSitesMax = 100'000;
inline constexpr std::size_t kNodesMax = 100'000;
inline constexpr std::size_t kServicesMax = 100'000;
inline constexpr std::int64_t kReplicasMax = 1'000'000;  // of all services together
inline constexpr std::size_t kKindsMax = 64;             // kinds of device in one fleet
inline constexpr std::size_t kPinnedMax = 256;           // machines that one service names
inline constexpr int kPriorityMax = 1'000'000;           // and no lower than its negative
inline constexpr double kWeightMax = 1e6;

struct Site {
    std::string name;
    std::string jurisdiction;  // "DE"; empty: unknown, and refused where residency is asked for
    std::string fault_domain;  // what fails together; empty: the site itself
    Duration latency{};        // from the site to those who ask it
    std::int64_t pue_milli = 1000;  // facility energy per energy of the machines, in thousandths
};

struct Node {
    std::string name;
    std::string site;
    std::string device_kind;  // "cpu", or the model of its GPUs: "T4"
    std::int64_t cpu_milli = 0;
    std::int64_t memory_mib = 0;
    int gpus = 0;
    std::int64_t price_micros = 0;  // of the whole machine, an hour
    std::int64_t watts_max = 0;     // of the whole machine under full load
    bool ready = true;
};

struct Demand {
    std::int64_t cpu_milli = 0;
    std::int64_t memory_mib = 0;
    int gpus = 0;
    int gpu_milli = 0;  // of each device

    std::int64_t gpu_total_milli() const { return std::int64_t{gpus} * gpu_milli; }
    friend auto operator<=>(const Demand&, const Demand&) = default;
};

// Where data may lie. Both lists may be given; what is forbidden stays forbidden.
struct Residency {
    std::vector<std::string> allowed;  // jurisdictions; empty: any
    std::vector<std::string> forbidden;

    bool restricts() const { return !allowed.empty() || !forbidden.empty(); }
};

struct Service {
    std::string name;  // "namespace/name"
    Demand demand;     // of one replica
    std::int64_t replicas = 1;
    int priority = 0;      // higher goes first where not all fit
    bool leaving = false;  // it keeps of its replicas what may stay, and gets no others
    Residency residency;
    std::vector<std::string> device_kinds;  // empty: any
    std::vector<std::string> pinned;        // the only machines it may use; empty: any
    Duration latency_max{};                 // zero: any
    // At most so many replicas in one fault domain, and on one machine; zero: any number.
    std::int64_t domain_max = 0;
    std::int64_t node_max = 0;
    // What a millionth of a currency unit and a watt-hour count for, against each other.
    double cost_weight = 1;
    double energy_weight = 0;
    // The larger service that this one asks when it is unsure; empty: none (cascade.h).
    std::string upstream;
    bool upstream_in_jurisdiction =
        false;  // it asks only inside the jurisdiction that it stands in
};

// One replica on its machine.
struct Replica {
    std::string service;
    std::string node;
    std::vector<int> devices;  // which GPUs, ascending

    friend auto operator<=>(const Replica&, const Replica&) = default;
};

struct Fleet {
    std::vector<Site> sites;
    std::vector<Node> nodes;
    std::vector<Service> services;
    std::vector<Replica> present;  // what runs now; entries that name nothing known are ignored
};

// INVALID_ARGUMENT, saying what is wrong with it and what would be right.
Status check(const Demand& demand);

// INVALID_ARGUMENT or RESOURCE_EXHAUSTED, naming the entry, what is wrong with it and what would
// be right: empty or duplicate names, unknown sites, amounts, weights and counts out of bounds.
Status check(const Fleet& fleet);

}  // namespace hf::control::place
