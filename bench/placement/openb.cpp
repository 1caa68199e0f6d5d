#include "openb.h"

#include <algorithm>
#include <deque>
#include <map>
#include <tuple>

#include "base/rng.h"
#include "posix/clock.h"

namespace hf::bench {
namespace {

using control::place::Chooser;
using control::place::Demand;
using control::place::Fragmentation;
using control::place::GroupIndex;
using control::place::kDeviceMilli;
using control::place::kRefused;
using control::place::Node;
using control::place::Pool;
using control::place::StateScores;
using control::place::UsualDemand;

// Indices into trace.pods, in the order of arrival.
std::vector<std::size_t> arrivals(const Trace& trace, std::uint64_t seed) {
    Rng rng(seed);
    const std::size_t count = trace.pods.size();
    std::vector<std::size_t> order(count);
    std::int64_t asked = 0;
    for (std::size_t i = 0; i < count; ++i) {
        order[i] = i;
        asked += trace.pods[i].demand.gpu_total_milli();
    }
    for (std::size_t i = count; i > 1; --i) std::swap(order[i - 1], order[rng.below(i)]);
    while (asked * 10 < trace.gpu_capacity_milli * 13) {
        order.push_back(rng.below(count));
        asked += trace.pods[order.back()].demand.gpu_total_milli();
    }
    return order;
}

class Cluster {
public:
    explicit Cluster(const Trace& trace) {
        std::map<std::tuple<std::string, Demand>, GroupIndex> groups;
        for (const Node& node : trace.nodes) {
            const Demand capacity{node.cpu_milli, node.memory_mib, node.gpus,
                                  node.gpus == 0 ? 0 : kDeviceMilli};
            const auto next = static_cast<std::uint32_t>(kind_numbers_.size());
            const std::uint32_t kind =
                kind_numbers_.try_emplace(node.device_kind, next).first->second;
            const auto [group, added] = groups.try_emplace({node.device_kind, capacity},
                                                           static_cast<GroupIndex>(groups.size()));
            if (added) kinds_.push_back(kind);
            pool_.add(group->second, capacity);
        }
    }

    // Bits of kinds that the pod may use.
    std::uint64_t mask(const Pod& pod) const {
        if (pod.device_kinds.empty()) return ~std::uint64_t{0};
        std::uint64_t bits = 0;
        for (const std::string& kind : pod.device_kinds) {
            const auto found = kind_numbers_.find(kind);
            if (found != kind_numbers_.end()) bits |= std::uint64_t{1} << found->second;
        }
        return bits;
    }

    std::vector<double> base(const Pod& pod) const {
        const std::uint64_t bits = mask(pod);
        std::vector<double> base;
        for (const std::uint32_t kind : kinds_) base.push_back(bits >> kind & 1 ? 0 : kRefused);
        return base;
    }

    Pool& pool() { return pool_; }
    const std::vector<std::uint32_t>& kinds() const { return kinds_; }

private:
    Pool pool_;
    std::map<std::string, std::uint32_t> kind_numbers_;
    std::vector<std::uint32_t> kinds_;  // by group
};

}  // namespace

OpenbRun run_openb(const Trace& trace, const OpenbOptions& options) {
    const std::vector<std::size_t> order = arrivals(trace, options.seed);
    const posix::RealClock clock;
    const Duration start = clock.thread_cpu();
    Cluster cluster(trace);
    std::vector<UsualDemand> usual;
    for (const Pod& pod : trace.pods) usual.push_back({pod.demand, 1, cluster.mask(pod)});
    Fragmentation::Options measure;
    measure.fill = options.fill;
    const Fragmentation fragmentation = Fragmentation::of(std::move(usual), measure);
    StateScores scores(cluster.pool(), fragmentation, cluster.kinds(), options.weights);
    std::map<Pod, std::size_t> known;
    std::deque<Chooser> choosers;
    std::vector<std::size_t> chooser_of;  // by pod of the trace
    for (const Pod& pod : trace.pods) {
        const auto [which, added] = known.try_emplace(pod, choosers.size());
        if (added) choosers.emplace_back(cluster.pool(), scores, pod.demand, cluster.base(pod));
        chooser_of.push_back(which->second);
    }
    OpenbRun run;
    std::int64_t asked = 0, allocated = 0;
    for (const std::size_t index : order) {
        const Demand& demand = trace.pods[index].demand;
        ++run.arrivals;
        if (const auto pick = choosers[chooser_of[index]].pick()) {
            const int device = cluster.pool().state(pick->state).free_milli[pick->device];
            cluster.pool().place(cluster.pool().first_in(pick->state), demand, device);
            allocated += demand.gpu_total_milli();
            ++run.placed;
        }
        const bool before = asked < trace.gpu_capacity_milli;
        asked += demand.gpu_total_milli();
        if (before && asked >= trace.gpu_capacity_milli) {
            run.allocated_percent = 100.0 * static_cast<double>(allocated) /
                                    static_cast<double>(trace.gpu_capacity_milli);
        }
    }
    run.seconds = std::chrono::duration<double>(clock.thread_cpu() - start).count();
    for (const Chooser& chooser : choosers) run.evaluations += chooser.evaluations();
    return run;
}

}  // namespace hf::bench
