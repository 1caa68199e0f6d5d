// Board: what one plan works on: the layout, its machines in a pool, what each service could use,
// and the replicas put so far, under each service's limits. The steps of plan.h act on it; nothing
// else uses it. It borrows the layout's fleet. Not thread-safe.

#pragma once

#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "control/place/dual.h"
#include "control/place/layout.h"
#include "control/place/plan.h"
#include "control/place/pool.h"

namespace hf::control::place {

struct Spot {
    MachineIndex machine = kNone;
    std::vector<int> devices;
    bool kept = false;
    ScoreParts score;
};

// How many replicas of one service stand where it limits them.
class Limits final {
public:
    Limits(const Layout& layout, const Service& service) : layout_(layout), service_(service) {}

    bool domain_full(std::uint32_t domain) const;
    bool node_full(MachineIndex machine) const;
    void count(MachineIndex machine, std::int64_t change = 1);

private:
    const Layout& layout_;
    const Service& service_;
    std::map<std::uint32_t, std::int64_t> by_domain_;
    std::map<MachineIndex, std::int64_t> by_machine_;
};

// One service on the board.
struct Seat {
    const Service* service = nullptr;
    std::vector<DualProblem::Entry> offers;  // groups that may take it, the cheapest first
    double missing_cost = 0;
    bool tight = false;  // it needs much of all that it may have: it cannot wait for others
    double share = 0;    // of the largest machine, by the resource of which it takes most
    Limits limits;
    std::vector<Spot> spots;
    std::vector<Displaced> displaced;

    std::int64_t wanted() const {
        return service->leaving ? static_cast<std::int64_t>(spots.size()) : service->replicas;
    }
    std::int64_t missing() const { return wanted() - static_cast<std::int64_t>(spots.size()); }
    bool full() const { return static_cast<std::int64_t>(spots.size()) >= service->replicas; }
};

class Board final {
public:
    enum class Order : unsigned char { kBySize, kByPriority };

    Board(Layout layout, Order order);
    Board(const Board&) = delete;  // seats point at the layout
    Board& operator=(const Board&) = delete;

    const Layout& layout() const { return layout_; }
    Pool& pool() { return pool_; }
    const Pool& pool() const { return pool_; }
    // By priority if so asked; then the tight ones, the largest share, the name.
    std::vector<std::reference_wrapper<Seat>>& seats() { return order_; }

    std::vector<std::uint32_t> kinds() const;  // by group
    std::vector<UsualDemand> usual() const;    // what services ask for, by replicas
    DualProblem dual_problem() const;          // once what may stay is on the board

    // Why this machine may not have one more replica, apart from room: kNone to kNodeFull.
    Refusal judge(const Seat& seat, MachineIndex machine) const;
    void put(Seat& seat, Spot spot);
    void take_back(Seat& seat, std::size_t spot);  // the last spot takes its number

private:
    void add_seat(const Service& service);

    Layout layout_;
    Pool pool_;
    std::vector<Seat> seats_;                          // by name
    std::vector<std::reference_wrapper<Seat>> order_;  // of placing
};

// Lets stay what may stay, and notes what may not; replicas of no service are returned.
std::vector<Replica> keep_present(Board& board, const std::vector<Replica>& present,
                                  StateScores& scores);

// Places what is missing; returns how many scores were computed.
std::uint64_t place_missing(Board& board, const Prices& prices, StateScores& scores);

// Who does not take the service, and why, as the pool stands.
std::vector<RefusedNodes> refused_nodes(const Board& board, const Seat& seat);

}  // namespace hf::control::place
