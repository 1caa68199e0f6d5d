// What runs stays where it may.

#include <algorithm>
#include <string_view>
#include <tuple>

#include "control/place/board.h"

namespace hf::control::place {
namespace {

using Running = std::vector<const Replica*>;

// The cheaper ones first: where fewer are wanted, the dear ones end.
void order(Running& running, const Board& board, const Service& service) {
    const auto rank = [&](const Replica* replica) {
        const MachineIndex machine = board.layout().find(replica->node);
        double cost = 0;
        if (machine != kNone) {
            const Group& group = board.layout().groups()[board.layout().group_of(machine)];
            if (board.layout().judge(service, group) == Refusal::kNone) {
                cost = board.layout().cost(service, group).sum();
            }
        }
        return cost;
    };
    std::vector<std::pair<double, const Replica*>> ranked;
    for (const Replica* replica : running) ranked.push_back({rank(replica), replica});
    std::sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) {
        return std::tie(a.first, *a.second) < std::tie(b.first, *b.second);
    });
    std::transform(ranked.begin(), ranked.end(), running.begin(),
                   [](const auto& pair) { return pair.second; });
}

Refusal judge(const Board& board, const Seat& seat, const Replica& replica) {
    const MachineIndex machine = board.layout().find(replica.node);
    if (machine == kNone) {
        return board.layout().known(replica.node) ? Refusal::kNotReady : Refusal::kGone;
    }
    const Refusal rule = board.judge(seat, machine);
    if (rule != Refusal::kNone) return rule;
    return seat.full() ? Refusal::kUnwanted : Refusal::kNone;
}

ScoreParts standing_score(const Board& board, const Seat& seat, MachineIndex machine) {
    const Group& group = board.layout().groups()[board.layout().group_of(machine)];
    const Cost cost = board.layout().cost(*seat.service, group);
    return {cost.price, cost.energy, 0, 0, 0};
}

// On its machine, on other devices: what it asks for has changed, or others hold them.
bool stay_elsewhere(Board& board, Seat& seat, MachineIndex machine, StateScores& scores) {
    const StateIndex index = board.pool().state_of(machine);
    const State& state = board.pool().state(index);
    const Demand& demand = seat.service->demand;
    if (!fits(state, demand)) return false;
    std::size_t device = 0;
    double least = kRefused;
    for (std::size_t i = 0; demand.gpus == 1 && i < state.gpus; ++i) {
        if (state.free_milli[i] < demand.gpu_milli) continue;
        const double score = scores.of(index, demand, i).sum();
        if (score < least) std::tie(least, device) = std::tuple(score, i);
    }
    const int free = demand.gpus == 0 ? 0 : state.free_milli[device];
    std::vector<int> devices = board.pool().place(machine, demand, free);
    board.put(seat, {machine, std::move(devices), true, standing_score(board, seat, machine)});
    return true;
}

void keep_exact(Board& board, Seat& seat, Running& running) {
    Running others;
    for (const Replica* replica : running) {
        const Refusal why = judge(board, seat, *replica);
        if (why != Refusal::kNone) {
            seat.displaced.push_back({*replica, why});
            continue;
        }
        const MachineIndex machine = board.layout().find(replica->node);
        if (board.pool().place_on(machine, seat.service->demand, replica->devices)) {
            board.put(seat,
                      {machine, replica->devices, true, standing_score(board, seat, machine)});
        } else {
            others.push_back(replica);
        }
    }
    running = std::move(others);
}

void keep_elsewhere(Board& board, Seat& seat, const Running& running, StateScores& scores) {
    for (const Replica* replica : running) {
        const MachineIndex machine = board.layout().find(replica->node);
        Refusal why = judge(board, seat, *replica);
        if (why == Refusal::kNone && !stay_elsewhere(board, seat, machine, scores)) {
            const Pool& pool = board.pool();
            why = judge_free(pool.state(pool.state_of(machine)), seat.service->demand);
        }
        if (why != Refusal::kNone) seat.displaced.push_back({*replica, why});
    }
}

}  // namespace

std::vector<Replica> keep_present(Board& board, const std::vector<Replica>& present,
                                  StateScores& scores) {
    std::map<std::string_view, Running> by_service;
    for (const Replica& replica : present) by_service[replica.service].push_back(&replica);
    for (Seat& seat : board.seats()) {
        const auto running = by_service.find(seat.service->name);
        if (running == by_service.end()) continue;
        order(running->second, board, *seat.service);
        keep_exact(board, seat, running->second);
    }
    for (Seat& seat : board.seats()) {
        const auto running = by_service.find(seat.service->name);
        if (running == by_service.end()) continue;
        keep_elsewhere(board, seat, running->second, scores);
        by_service.erase(running);
    }
    std::vector<Replica> orphans;
    for (const auto& [name, running] : by_service) {
        for (const Replica* replica : running) orphans.push_back(*replica);
    }
    std::sort(orphans.begin(), orphans.end());
    return orphans;
}

}  // namespace hf::control::place
