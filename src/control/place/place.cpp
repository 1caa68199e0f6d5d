// What is missing goes where it costs least.

#include <algorithm>

#include "control/place/board.h"

namespace hf::control::place {
namespace {

constexpr int kPolishRounds = 2;

class Placer {
public:
    Placer(Board& board, const Prices& prices, StateScores& scores)
        : board_(board), pool_(board.pool()), prices_(prices), scores_(scores) {}

    void run(Seat& seat) {
        if (seat.missing() <= 0 || seat.offers.empty()) return;
        if (seat.service->pinned.empty()) {
            anywhere(seat);
        } else {
            on_pinned(seat);
        }
    }

    // Moves what was just placed to where it really costs less: prices guide many to leave room for
    // others, and some of that room stays empty.
    void polish(Seat& seat) {
        if (seat.offers.empty() || !seat.service->pinned.empty()) return;
        double least = kRefused;
        for (const auto& offer : seat.offers) least = std::min(least, offer.cost);
        std::vector<std::size_t> dear;
        for (std::size_t i = 0; i < seat.spots.size(); ++i) {
            const Spot& spot = seat.spots[i];
            if (!spot.kept && cost_of(spot) > least * (1 + kWorthMoving)) dear.push_back(i);
        }
        if (dear.empty()) return;
        std::vector<double> bases(board_.layout().groups().size(), kRefused);
        for (const auto& offer : seat.offers) {
            if (!seat.limits.domain_full(board_.layout().groups()[offer.group].domain)) {
                bases[offer.group] = offer.cost;
            }
        }
        std::sort(dear.begin(), dear.end(), [&](std::size_t a, std::size_t b) {
            return cost_of(seat.spots[a]) < cost_of(seat.spots[b]);
        });
        Chooser chooser(pool_, scores_, seat.service->demand, std::move(bases));
        while (!dear.empty()) {
            const std::size_t spot = dear.back();  // the dearest
            const auto found = find(seat, chooser);
            if (!found) break;
            const MachineIndex machine = found->machine;
            const double cost = board_.layout().cost(*seat.service, group_of(machine)).sum();
            if (cost * (1 + kWorthMoving) >= cost_of(seat.spots[spot])) break;
            put(seat, machine, found->device);
            std::swap(seat.spots[spot], seat.spots.back());
            board_.take_back(seat, seat.spots.size() - 1);
            dear.pop_back();
            if (seat.service->node_max > 1) chooser.consider(pool_.state_of(machine));
            close_full(seat, chooser, machine);
        }
        evaluations_ += chooser.evaluations();
    }

    std::uint64_t evaluations() const { return evaluations_; }

private:
    static constexpr double kWorthMoving = 1e-3;

    static double cost_of(const Spot& spot) { return spot.score.price + spot.score.energy; }

    void anywhere(Seat& seat) {
        Chooser chooser(pool_, scores_, seat.service->demand, bases(seat));
        while (seat.missing() > 0) {
            const auto found = find(seat, chooser);
            if (!found) break;
            put(seat, found->machine, found->device);
            close_full(seat, chooser, found->machine);
            // Its state may have been dropped when only full machines were in it.
            if (seat.service->node_max > 1) chooser.consider(pool_.state_of(found->machine));
        }
        evaluations_ += chooser.evaluations();
    }

    struct Found {
        MachineIndex machine;
        std::size_t device;
    };

    // The best machine that may have one more.
    std::optional<Found> find(const Seat& seat, Chooser& chooser) {
        while (const auto pick = chooser.pick()) {
            MachineIndex machine = pool_.first_in(pick->state);
            while (machine != kNone && seat.limits.node_full(machine)) {
                machine = pool_.next(machine);
            }
            if (machine != kNone) return Found{machine, pick->device};
            chooser.drop_pick();
        }
        return std::nullopt;
    }

    void close_full(const Seat& seat, Chooser& chooser, MachineIndex machine) {
        const std::uint32_t domain = group_of(machine).domain;
        if (!seat.limits.domain_full(domain)) return;
        for (const auto& offer : seat.offers) {
            if (board_.layout().groups()[offer.group].domain == domain) chooser.close(offer.group);
        }
    }

    // A machine the service names, and what one more replica would cost there.
    struct Candidate {
        double score;
        MachineIndex machine;
        std::size_t device;
        bool operator<(const Candidate& other) const {  // for a heap with the cheapest on top
            return score != other.score ? score > other.score : machine < other.machine;
        }
    };

    void on_pinned(Seat& seat) {
        std::vector<std::string> names = seat.service->pinned;
        std::sort(names.begin(), names.end());
        names.erase(std::unique(names.begin(), names.end()), names.end());
        std::vector<Candidate> heap;
        for (const std::string& name : names) consider(seat, board_.layout().find(name), heap);
        while (seat.missing() > 0 && !heap.empty()) {
            std::pop_heap(heap.begin(), heap.end());
            const Candidate best = heap.back();
            heap.pop_back();
            if (board_.judge(seat, best.machine) != Refusal::kNone) continue;  // its domain is full
            put(seat, best.machine, best.device);
            consider(seat, best.machine, heap);
        }
    }

    void consider(Seat& seat, MachineIndex machine, std::vector<Candidate>& heap) {
        if (machine == kNone || board_.judge(seat, machine) != Refusal::kNone) return;
        const StateIndex index = pool_.state_of(machine);
        const Demand& demand = seat.service->demand;
        if (!fits(pool_.state(index), demand)) return;
        std::optional<Candidate> best;
        const std::size_t end = demand.gpus == 1 ? pool_.state(index).gpus : 1;
        for (std::size_t i = 0; i < end; ++i) {
            if (demand.gpus == 1 && pool_.state(index).free_milli[i] < demand.gpu_milli) continue;
            const double score = score_of(seat, index, i).sum();
            ++evaluations_;
            if (!best || score < best->score) best = Candidate{score, machine, i};
        }
        heap.push_back(*best);
        std::push_heap(heap.begin(), heap.end());
    }

    void put(Seat& seat, MachineIndex machine, std::size_t device) {
        const StateIndex index = pool_.state_of(machine);
        const ScoreParts score = score_of(seat, index, device);
        const int free = seat.service->demand.gpus == 0 ? 0 : pool_.state(index).free_milli[device];
        std::vector<int> devices = pool_.place(machine, seat.service->demand, free);
        board_.put(seat, {machine, std::move(devices), false, score});
    }

    ScoreParts score_of(const Seat& seat, StateIndex index, std::size_t device) {
        const GroupIndex group = pool_.state(index).group;
        const Cost cost = board_.layout().cost(*seat.service, board_.layout().groups()[group]);
        const StateScores::Parts parts = scores_.of(index, seat.service->demand, device);
        return {cost.price, cost.energy, prices_.of(group, seat.service->demand),
                parts.fragmentation, parts.best_fit};
    }

    std::vector<double> bases(const Seat& seat) const {
        std::vector<double> bases(board_.layout().groups().size(), kRefused);
        for (const auto& offer : seat.offers) {
            if (seat.limits.domain_full(board_.layout().groups()[offer.group].domain)) continue;
            bases[offer.group] = offer.cost + prices_.of(offer.group, seat.service->demand);
        }
        return bases;
    }

    const Group& group_of(MachineIndex machine) const {
        return board_.layout().groups()[board_.layout().group_of(machine)];
    }

    Board& board_;
    Pool& pool_;
    const Prices& prices_;
    StateScores& scores_;
    std::uint64_t evaluations_ = 0;
};

}  // namespace

std::uint64_t place_missing(Board& board, const Prices& prices, StateScores& scores) {
    Placer placer(board, prices, scores);
    for (Seat& seat : board.seats()) placer.run(seat);
    for (int round = 0; round < kPolishRounds; ++round) {
        for (Seat& seat : board.seats()) placer.polish(seat);
    }
    for (Seat& seat : board.seats()) placer.run(seat);  // into room that moves have made
    return placer.evaluations();
}

}  // namespace hf::control::place
