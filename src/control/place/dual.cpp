#include "control/place/dual.h"

#include <algorithm>
#include <cmath>

namespace hf::control::place {
namespace {

using Triple = std::array<double, 3>;

Triple amounts(const Demand& demand) {
    return {static_cast<double>(demand.cpu_milli), static_cast<double>(demand.memory_mib),
            static_cast<double>(demand.gpu_total_milli())};
}

double dot(const Triple& a, const Triple& b) {
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

class Ascent {
public:
    Ascent(const DualProblem& problem, const DualOptions& options)
        : problem_(problem),
          options_(options),
          prices_(problem.groups.size()),
          load_(problem.groups.size()),
          domain_left_(problem.domains) {}

    Prices run() {
        std::uint64_t entries = 0;
        for (const auto& service : problem_.services) entries += service.entries.size();
        Prices best;
        best.of_group = prices_;
        double above = 0;  // how far above the best bound the target lies
        int stale = 0;
        const std::uint64_t affordable = options_.entries_max / std::max<std::uint64_t>(entries, 1);
        const int rounds = static_cast<int>(
            std::clamp<std::uint64_t>(affordable, 1, static_cast<std::uint64_t>(options_.rounds_max)));
        for (int round = 0; round < rounds; ++round) {
            const double bound = relax();
            if (round == 0) above = 0.02 * std::abs(bound) + 1;
            const bool better = round == 0 || bound > best.bound;
            if (better) {
                stale = round == 0 || bound - best.bound > 0.1 * above ? 0 : stale + 1;
                best.bound = bound;
                best.of_group = prices_;
            } else {
                ++stale;
            }
            best.rounds = round + 1;
            if (stale >= kPatience) {
                above /= 2;
                stale = 0;
                if (above < kTight * std::abs(best.bound)) break;
                prices_ = best.of_group;
                relax();
            }
            if (!step(best.bound + above - bound)) break;
        }
        return best;
    }

private:
    static constexpr int kPatience = 8;
    static constexpr double kTight = 1e-4;

    // The cost of the relaxed problem at these prices; leaves what it would use in load_.
    double relax() {
        double sum = 0;
        for (std::size_t g = 0; g < prices_.size(); ++g) {
            load_[g] = {};
            sum -= dot(prices_[g], problem_.groups[g].capacity);
        }
        for (const auto& service : problem_.services) sum += fill(service);
        return sum;
    }

    double fill(const DualProblem::Service& service) {
        const Triple demand = amounts(service.demand);
        const DualProblem::Entry* best = nullptr;
        double least = service.missing_cost;
        for (const auto& entry : service.entries) {
            const double cost = entry.cost + dot(prices_[entry.group], demand);
            if (cost < least) {
                least = cost;
                best = &entry;
            }
        }
        if (!best) return static_cast<double>(service.replicas) * least;
        const std::int64_t domain = service.domain_max > 0 ? service.domain_max : service.replicas;
        if (best->most < service.replicas || domain < service.replicas) {
            return fill_several(service, demand);
        }
        return take(*best, demand, service.replicas, least);
    }

    // The cheapest groups in turn, each as far as limits allow.
    double fill_several(const DualProblem::Service& service, const Triple& demand) {
        sorted_.clear();
        for (const auto& entry : service.entries) {
            const double cost = entry.cost + dot(prices_[entry.group], demand);
            if (cost < service.missing_cost) sorted_.push_back({cost, &entry});
            domain_left_[problem_.groups[entry.group].domain] =
                service.domain_max > 0 ? service.domain_max : service.replicas;
        }
        std::sort(sorted_.begin(), sorted_.end(), [](const Ranked& a, const Ranked& b) {
            return a.cost != b.cost ? a.cost < b.cost : a.entry->group < b.entry->group;
        });
        std::int64_t left = service.replicas;
        double sum = 0;
        for (const Ranked& ranked : sorted_) {
            std::int64_t& domain = domain_left_[problem_.groups[ranked.entry->group].domain];
            const std::int64_t count = std::min({left, ranked.entry->most, domain});
            if (count == 0) continue;
            sum += take(*ranked.entry, demand, count, ranked.cost);
            domain -= count;
            left -= count;
            if (left == 0) break;
        }
        return sum + static_cast<double>(left) * service.missing_cost;
    }

    double take(const DualProblem::Entry& entry, const Triple& demand, std::int64_t count,
                double cost) {
        for (std::size_t r = 0; r < 3; ++r) {
            load_[entry.group][r] += static_cast<double>(count) * demand[r];
        }
        return static_cast<double>(count) * cost;
    }

    // Moves prices where capacity is overdrawn up, elsewhere down; false when nothing would move.
    // Prices are stepped in the cost of a whole group's capacity, so that units do not matter.
    bool step(double distance) {
        double norm = 0;
        for (std::size_t g = 0; g < prices_.size(); ++g) {
            for (std::size_t r = 0; r < 3; ++r) {
                const double excess = overdraw(g, r);
                if (excess > 0 || prices_[g][r] > 0) norm += excess * excess;
            }
        }
        if (norm == 0) return false;
        const double length = distance / norm;
        for (std::size_t g = 0; g < prices_.size(); ++g) {
            for (std::size_t r = 0; r < 3; ++r) {
                const double capacity = problem_.groups[g].capacity[r];
                if (capacity <= 0) continue;
                double& price = prices_[g][r];
                price = std::max(0.0, price + length * overdraw(g, r) / capacity);
            }
        }
        return true;
    }

    double overdraw(std::size_t group, std::size_t resource) const {
        const double capacity = problem_.groups[group].capacity[resource];
        return capacity > 0 ? load_[group][resource] / capacity - 1 : 0;
    }

    struct Ranked {
        double cost;
        const DualProblem::Entry* entry;
    };

    const DualProblem& problem_;
    const DualOptions& options_;
    std::vector<Triple> prices_;
    std::vector<Triple> load_;
    std::vector<std::int64_t> domain_left_;
    std::vector<Ranked> sorted_;
};

}  // namespace

double Prices::of(std::uint32_t group, const Demand& demand) const {
    return of_group.empty() ? 0 : dot(of_group[group], amounts(demand));
}

Prices solve_dual(const DualProblem& problem, const DualOptions& options) {
    return Ascent(problem, options).run();
}

}  // namespace hf::control::place
