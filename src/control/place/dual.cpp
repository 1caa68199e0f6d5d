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
          direction_(problem.groups.size()),
          domain_left_(problem.domains) {}

    Prices run() {
        std::uint64_t entries = 0;
        for (const auto& service : problem_.services) entries += service.entries.size();
        Prices best;
        best.of_group = prices_;
        double above = 0;  // how far above the best bound the target lies
        int stale = 0;
        const std::uint64_t affordable = options_.entries_max / std::max<std::uint64_t>(entries, 1);
        const int rounds = static_cast<int>(std::clamp<std::uint64_t>(
            affordable, 1, static_cast<std::uint64_t>(options_.rounds_max)));
        for (int round = 0; round < rounds; ++round) {
            const double bound = relax();
            if (round == 0) above = kFirstReach * std::abs(bound) + 1;
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
                above *= kShrink;
                stale = 0;
                if (above < kTight * std::abs(best.bound)) break;
            }
            if (!step(best.bound + above - bound)) break;
        }
        return best;
    }

private:
    // Chosen by trial on drawn fleets (bench/placement).
    static constexpr int kPatience = 2;     // rounds without progress until the target comes down
    static constexpr double kShrink = 0.8;  // by so much
    static constexpr double kFirstReach = 1.0;  // the first target, over the first bound
    static constexpr double kTight = 1e-4;      // a target so near the bound ends it
    static constexpr double kMemory = 0.7;

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

    // What the service costs at these prices: the cheapest groups in turn, as far as limits allow.
    // Entries come by their cost without prices, which no price lowers: what is cheaper with prices
    // than all that is still to come is next in turn.
    double fill(const DualProblem::Service& service) {
        const Triple demand = amounts(service.demand);
        const std::int64_t in_domain =
            service.domain_max > 0 ? service.domain_max : service.replicas;
        std::int64_t left = service.replicas;
        double sum = 0;
        const auto take_below = [&](double cost) {
            while (left > 0 && !ranked_.empty() && ranked_.front().cost <= cost) {
                const Ranked next = ranked_.front();
                std::pop_heap(ranked_.begin(), ranked_.end());
                ranked_.pop_back();
                std::int64_t& domain = domain_left_[problem_.groups[next.entry->group].domain];
                const std::int64_t count = std::min({left, next.entry->most, domain});
                take(*next.entry, demand, count);
                sum += static_cast<double>(count) * next.cost;
                domain -= count;
                left -= count;
            }
        };
        ranked_.clear();
        std::fill(domain_left_.begin(), domain_left_.end(), in_domain);
        for (const auto& entry : service.entries) {
            take_below(entry.cost);
            if (left == 0) break;
            const double cost = entry.cost + dot(prices_[entry.group], demand);
            if (cost >= service.missing_cost) continue;
            ranked_.push_back({cost, &entry});
            std::push_heap(ranked_.begin(), ranked_.end());
        }
        take_below(service.missing_cost);
        return sum + static_cast<double>(left) * service.missing_cost;
    }

    void take(const DualProblem::Entry& entry, const Triple& demand, std::int64_t count) {
        for (std::size_t r = 0; r < 3; ++r) {
            load_[entry.group][r] += static_cast<double>(count) * demand[r];
        }
    }

    // Moves prices of overdrawn capacity up and the others down; false when nothing would move. The
    // direction remembers earlier ones, which damps the swing of services between groups. Prices
    // are stepped in the cost of a whole group's capacity, so that units do not matter.
    bool step(double distance) {
        double norm = 0;
        for (std::size_t g = 0; g < prices_.size(); ++g) {
            for (std::size_t r = 0; r < 3; ++r) {
                double& way = direction_[g][r];
                way = overdraw(g, r) + kMemory * way;
                if (prices_[g][r] <= 0) way = std::max(way, 0.0);
                norm += way * way;
            }
        }
        if (norm == 0) return false;
        const double length = distance / norm;
        for (std::size_t g = 0; g < prices_.size(); ++g) {
            for (std::size_t r = 0; r < 3; ++r) {
                const double capacity = problem_.groups[g].capacity[r];
                if (capacity <= 0) continue;
                double& price = prices_[g][r];
                price = std::max(0.0, price + length * direction_[g][r] / capacity);
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
        bool operator<(const Ranked& other) const {  // for a heap with the cheapest on top
            return cost != other.cost ? cost > other.cost : entry > other.entry;
        }
    };

    const DualProblem& problem_;
    const DualOptions& options_;
    std::vector<Triple> prices_;
    std::vector<Triple> load_;
    std::vector<Triple> direction_;
    std::vector<std::int64_t> domain_left_;
    std::vector<Ranked> ranked_;
};

}  // namespace

double Prices::of(std::uint32_t group, const Demand& demand) const {
    return of_group.empty() ? 0 : dot(of_group[group], amounts(demand));
}

Prices solve_dual(const DualProblem& problem, const DualOptions& options) {
    return Ascent(problem, options).run();
}

}  // namespace hf::control::place
