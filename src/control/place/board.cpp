#include "control/place/board.h"

#include <algorithm>
#include <tuple>

namespace hf::control::place {
namespace {

constexpr double kTightShare = 0.1;

std::int64_t copies(std::int64_t there, std::int64_t wanted, std::int64_t most) {
    return wanted == 0 ? most : std::min(most, there / wanted);
}

// How many replicas an empty machine of the group holds.
std::int64_t copies_on(const Group& group, const Service& service) {
    const Demand& demand = service.demand;
    std::int64_t most = service.node_max > 0 ? service.node_max : kReplicasMax;
    most = copies(group.capacity.cpu_milli, demand.cpu_milli, most);
    most = copies(group.capacity.memory_mib, demand.memory_mib, most);
    if (demand.gpus == 0) return most;
    const std::int64_t on_each = demand.gpus > 1 ? 1 : kDeviceMilli / demand.gpu_milli;
    return std::min(most, group.capacity.gpus / demand.gpus * on_each);
}

}  // namespace

bool Limits::domain_full(std::uint32_t domain) const {
    if (service_.domain_max == 0) return false;
    const auto found = by_domain_.find(domain);
    return found != by_domain_.end() && found->second >= service_.domain_max;
}

bool Limits::node_full(MachineIndex machine) const {
    if (service_.node_max == 0) return false;
    const auto found = by_machine_.find(machine);
    return found != by_machine_.end() && found->second >= service_.node_max;
}

void Limits::count(MachineIndex machine, std::int64_t change) {
    if (service_.domain_max > 0) {
        by_domain_[layout_.groups()[layout_.group_of(machine)].domain] += change;
    }
    if (service_.node_max > 0) by_machine_[machine] += change;
}

Board::Board(Layout layout, Order order) : layout_(std::move(layout)) {
    for (MachineIndex i = 0; i < layout_.machines().size(); ++i) {
        const GroupIndex group = layout_.group_of(i);
        pool_.add(group, layout_.groups()[group].capacity);
    }
    seats_.reserve(layout_.services().size());
    for (const Service* service : layout_.services()) add_seat(*service);
    order_.assign(seats_.begin(), seats_.end());
    const auto rank = [&](const Seat& seat) {
        const int priority = order == Order::kByPriority ? -seat.service->priority : 0;
        return std::tuple(priority, !seat.tight, -seat.share);
    };
    std::stable_sort(order_.begin(), order_.end(),
                     [&](const Seat& a, const Seat& b) { return rank(a) < rank(b); });
}

void Board::add_seat(const Service& service) {
    Seat seat{&service, {}, 0, false, 0, Limits(layout_, service), {}, {}};
    const auto pinned = static_cast<std::int64_t>(service.pinned.size());
    std::int64_t most = 0;  // that it could have alone
    double dearest = 0;
    for (GroupIndex i = 0; i < layout_.groups().size(); ++i) {
        const Group& group = layout_.groups()[i];
        if (group.ready == 0 || layout_.judge(service, group) != Refusal::kNone) continue;
        const double cost = layout_.cost(service, group).sum();
        const std::int64_t on_each = copies_on(group, service);
        const std::int64_t machines = pinned > 0 ? std::min(pinned, group.ready) : group.ready;
        seat.offers.push_back({i, std::min(kReplicasMax, machines * on_each), cost});
        most += seat.offers.back().most;
        dearest = std::max(dearest, cost);
    }
    std::stable_sort(seat.offers.begin(), seat.offers.end(),
                     [](const auto& a, const auto& b) { return a.cost < b.cost; });
    seat.tight = static_cast<double>(service.replicas) > kTightShare * static_cast<double>(most);
    seat.share = dominant_share(service.demand, layout_.largest());
    seat.missing_cost = kMissingFactor * dearest + 1;
    seats_.push_back(std::move(seat));
}

std::vector<std::uint32_t> Board::kinds() const {
    std::vector<std::uint32_t> kinds;
    for (const Group& group : layout_.groups()) kinds.push_back(group.kind);
    return kinds;
}

std::vector<UsualDemand> Board::usual() const {
    std::vector<UsualDemand> usual;
    for (const Seat& seat : seats_) {
        if (seat.service->replicas == 0) continue;
        std::uint64_t kinds = 0;
        for (const auto& offer : seat.offers) {
            kinds |= std::uint64_t{1} << layout_.groups()[offer.group].kind;
        }
        const auto weight = static_cast<double>(seat.service->replicas);
        usual.push_back({seat.service->demand, weight, kinds});
    }
    return usual;
}

DualProblem Board::dual_problem() const {
    DualProblem problem;
    problem.domains = layout_.domain_count();
    for (const Group& group : layout_.groups()) {
        const auto machines = static_cast<double>(group.ready);
        problem.groups.push_back(
            {{machines * static_cast<double>(group.capacity.cpu_milli),
              machines * static_cast<double>(group.capacity.memory_mib),
              machines * static_cast<double>(group.capacity.gpu_total_milli())},
             group.domain});
    }
    for (const Seat& seat : seats_) {
        problem.services.push_back({seat.service->demand, seat.wanted(), seat.missing_cost,
                                    seat.service->domain_max, seat.offers});
    }
    return problem;
}

Refusal Board::judge(const Seat& seat, MachineIndex machine) const {
    const std::vector<std::string>& pinned = seat.service->pinned;
    const std::string& name = layout_.machines()[machine]->name;
    if (!pinned.empty() && std::find(pinned.begin(), pinned.end(), name) == pinned.end()) {
        return Refusal::kNotPinned;
    }
    const Group& group = layout_.groups()[layout_.group_of(machine)];
    const Refusal rule = layout_.judge(*seat.service, group);
    if (rule != Refusal::kNone) return rule;
    if (seat.limits.domain_full(group.domain)) return Refusal::kDomainFull;
    return seat.limits.node_full(machine) ? Refusal::kNodeFull : Refusal::kNone;
}

void Board::put(Seat& seat, Spot spot) {
    seat.limits.count(spot.machine);
    seat.spots.push_back(std::move(spot));
}

void Board::take_back(Seat& seat, std::size_t spot) {
    const Spot& out = seat.spots[spot];
    pool_.remove(out.machine, seat.service->demand, out.devices);
    seat.limits.count(out.machine, -1);
    std::swap(seat.spots[spot], seat.spots.back());
    seat.spots.pop_back();
}

}  // namespace hf::control::place
