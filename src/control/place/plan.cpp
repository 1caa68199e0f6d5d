#include "control/place/plan.h"

#include <algorithm>
#include <cmath>

#include "control/place/board.h"

namespace hf::control::place {
namespace {

ServicePlan service_plan(Board& board, Seat& seat) {
    ServicePlan result;
    result.service = seat.service->name;
    result.wanted = seat.wanted();
    for (Spot& spot : seat.spots) {
        Replica replica{seat.service->name, board.layout().machines()[spot.machine]->name,
                        std::move(spot.devices)};
        result.placed.push_back({std::move(replica), spot.kept, spot.score});
    }
    std::sort(result.placed.begin(), result.placed.end(),
              [](const Placed& a, const Placed& b) { return a.replica < b.replica; });
    std::sort(seat.displaced.begin(), seat.displaced.end(),
              [](const Displaced& a, const Displaced& b) { return a.replica < b.replica; });
    result.displaced = std::move(seat.displaced);
    result.refused = refused_nodes(board, seat);
    return result;
}

double cost_of(const Seat& seat) {
    double cost = static_cast<double>(seat.missing()) * seat.missing_cost;
    for (const Spot& spot : seat.spots) cost += spot.score.price + spot.score.energy;
    return cost;
}

Plan attempt(const Fleet& fleet, const PlanOptions& options, Board::Order order) {
    Board board(Layout(fleet), order);
    const Fragmentation fragmentation = Fragmentation::of(board.usual());
    StateScores scores(board.pool(), fragmentation, board.kinds(), options.weights);
    Plan result;
    result.orphans = keep_present(board, fleet.present, scores);
    const Prices prices = solve_dual(board.dual_problem(), options.dual);
    result.evaluations = place_missing(board, prices, scores);
    result.bound = prices.bound;
    for (Seat& seat : board.seats()) {
        result.cost += cost_of(seat);
        result.services.push_back(service_plan(board, seat));
    }
    std::sort(result.services.begin(), result.services.end(),
              [](const ServicePlan& a, const ServicePlan& b) { return a.service < b.service; });
    return result;
}

bool priorities_differ(const std::vector<Service>& services) {
    return std::any_of(services.begin(), services.end(), [&](const Service& service) {
        return service.priority != services.front().priority;
    });
}

}  // namespace

double Plan::gap() const {
    if (cost - bound <= 1e-9 * std::abs(cost)) return 0;  // rounding
    return bound > 0 ? (cost - bound) / bound : kRefused;
}

std::int64_t Plan::missing() const {
    std::int64_t sum = 0;
    for (const ServicePlan& service : services) sum += service.missing();
    return sum;
}

std::vector<Replica> Plan::replicas() const {
    std::vector<Replica> all;
    for (const ServicePlan& service : services) {
        for (const Placed& placed : service.placed) all.push_back(placed.replica);
    }
    return all;
}

Result<Plan> plan(const Fleet& fleet, const PlanOptions& options) {
    HF_TRY(check(fleet));
    const std::size_t groups = Layout(fleet).groups().size();
    if (groups * fleet.services.size() > kPairsMax) {
        return resource_exhausted(
            "{} services times {} groups of machines; at most {} pairs are planned at once: split "
            "the fleet, or give machines of one site and kind the same size and price",
            fleet.services.size(), groups, kPairsMax);
    }
    Plan result = attempt(fleet, options, Board::Order::kBySize);
    if (result.missing() == 0 || !priorities_differ(fleet.services)) return result;
    return attempt(fleet, options, Board::Order::kByPriority);
}

}  // namespace hf::control::place
