#include "fleet.h"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>

#include "base/rng.h"
#include "posix/clock.h"

namespace hf::bench {
namespace {

using control::place::Demand;
using control::place::Displaced;
using control::place::Fleet;
using control::place::kDeviceMilli;
using control::place::Node;
using control::place::Plan;
using control::place::plan;
using control::place::Service;
using control::place::ServicePlan;
using control::place::Site;

constexpr std::int64_t kMachines = 5000, kReplicas = 10'000, kServices = 400;
constexpr int kSites = 64, kJurisdictions = 16;

struct Model {  // of a machine; price in thousandths of a unit an hour
    const char* kind;
    std::int64_t cpus, memory_gib;
    int gpus;
    std::int64_t price, watts;
    std::uint64_t weight;
};

constexpr std::array kModels{
    Model{"cpu", 16, 64, 0, 300, 150, 30},  Model{"cpu", 64, 256, 0, 1100, 450, 15},
    Model{"orin", 12, 64, 1, 250, 60, 25},  Model{"T4", 48, 192, 4, 2200, 700, 15},
    Model{"L4", 32, 128, 2, 1600, 450, 10}, Model{"H100", 192, 1536, 8, 24000, 6500, 5},
};

std::string jurisdiction(std::uint64_t number) {
    return fmt::format("J{:02}", number);
}

Site make_site(Rng& rng, int number) {
    Site site;
    site.name = fmt::format("site-{:02}", number);
    site.jurisdiction = jurisdiction(static_cast<std::uint64_t>(number % kJurisdictions));
    site.latency = std::chrono::milliseconds(2 + rng.below(60));
    site.pue_milli = static_cast<std::int64_t>(1050 + 10 * rng.below(60));
    return site;
}

Node make_node(Rng& rng, std::int64_t number) {
    std::uint64_t draw = rng.below(100);
    const Model* model = kModels.data();
    while (draw >= model->weight) draw -= (model++)->weight;
    Node node;
    node.name = fmt::format("node-{:04}", number);
    const std::uint64_t site = rng.below(kSites);
    node.site = fmt::format("site-{:02}", site);
    node.device_kind = model->kind;
    node.cpu_milli = model->cpus * 1000;
    node.memory_mib = model->memory_gib * 1024;
    node.gpus = model->gpus;
    // Places differ in price by up to 40 %.
    node.price_micros = model->price * (1000 + static_cast<std::int64_t>(site * 37 % 400));
    node.watts_max = model->watts;
    return node;
}

Demand make_demand(Rng& rng) {
    constexpr std::array kShares{100, 200, 250, 320, 470, 500, 650, 810};
    Demand demand;
    demand.cpu_milli = static_cast<std::int64_t>(250 * (1 + rng.below(32)));
    demand.memory_mib = static_cast<std::int64_t>(256 * (1 + rng.below(64)));
    const std::uint64_t draw = rng.below(100);
    if (draw < 45) return demand;  // CPU only
    demand.gpus = draw < 97 ? 1 : 4;
    demand.gpu_milli = draw < 80 ? kShares[rng.below(kShares.size())] : kDeviceMilli;
    return demand;
}

Service make_service(Rng& rng, std::int64_t number) {
    Service service;
    service.name = fmt::format("default/service-{:03}", number);
    service.demand = make_demand(rng);
    service.priority = static_cast<int>(rng.below(3));
    for (std::uint64_t i = rng.below(3) == 0 ? 3 + rng.below(6) : 0; i > 0; --i) {
        service.residency.allowed.push_back(jurisdiction(rng.below(kJurisdictions)));
    }
    if (rng.below(5) == 0) {
        service.residency.forbidden.push_back(jurisdiction(rng.below(kJurisdictions)));
    }
    if (rng.below(5) == 0) service.latency_max = std::chrono::milliseconds(20 + rng.below(40));
    if (rng.below(3) == 0) service.node_max = 1;
    service.energy_weight = static_cast<double>(rng.below(4)) * 200;
    return service;
}

double gpu_load(const Fleet& fleet) {
    std::int64_t there = 0, asked = 0;
    for (const Node& node : fleet.nodes) there += std::int64_t{node.gpus} * kDeviceMilli;
    for (const Service& s : fleet.services) asked += s.demand.gpu_total_milli() * s.replicas;
    return 100.0 * static_cast<double>(asked) / static_cast<double>(there);
}

}  // namespace

Fleet make_fleet(std::uint64_t seed) {
    Rng rng(seed);
    Fleet fleet;
    for (int i = 0; i < kSites; ++i) fleet.sites.push_back(make_site(rng, i));
    for (std::int64_t i = 0; i < kMachines; ++i) fleet.nodes.push_back(make_node(rng, i));
    std::vector<double> sizes;
    double total = 0;
    for (std::int64_t i = 0; i < kServices; ++i) {
        fleet.services.push_back(make_service(rng, i));
        sizes.push_back(0.05 + rng.uniform() * rng.uniform());
        total += sizes.back();
    }
    std::int64_t left = kReplicas;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
        const auto part = static_cast<std::int64_t>(kReplicas * sizes[i] / total);
        Service& service = fleet.services[i];
        service.replicas =
            i + 1 == sizes.size() ? left : std::min(left, std::max<std::int64_t>(part, 1));
        left -= service.replicas;
        if (rng.below(3) == 0) service.domain_max = 1 + service.replicas / 3;
    }
    return fleet;
}

Result<FleetRun> run_fleet(std::uint64_t seed) {
    Fleet fleet = make_fleet(seed);
    FleetRun run;
    run.machines = kMachines;
    run.replicas = kReplicas;
    run.gpu_load_percent = gpu_load(fleet);
    const posix::RealClock clock;
    const auto seconds_since = [&](Duration start) {
        return std::chrono::duration<double>(clock.thread_cpu() - start).count();
    };
    Duration start = clock.thread_cpu();
    const Plan first = HF_TRY(plan(fleet));
    run.seconds = seconds_since(start);
    run.gap_percent = 100 * first.gap();
    run.missing = first.missing();
    run.evaluations = first.evaluations;

    std::set<std::string> lost;
    Rng rng(seed + 1);
    while (lost.size() < kMachines / 100) {
        Node& node = fleet.nodes[rng.below(fleet.nodes.size())];
        node.ready = false;
        lost.insert(node.name);
    }
    fleet.present = first.replicas();
    start = clock.thread_cpu();
    const Plan again = HF_TRY(plan(fleet));
    run.again_seconds = seconds_since(start);
    run.missing_again = again.missing();
    for (const ServicePlan& service : again.services) {
        for (const Displaced& displaced : service.displaced) {
            ++(lost.contains(displaced.replica.node) ? run.displaced : run.moved_needlessly);
        }
    }
    return run;
}

}  // namespace hf::bench
