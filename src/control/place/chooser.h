// Chooser: the best state of a pool for one more replica of one demand, again and again, as the
// pool changes. It keeps the states it has scored in a heap and scores only states that machines
// entered since; a group of machines is opened only when no state scored so far beats the lowest
// score that the group could have. A pick therefore costs a few evaluations, not one a machine.
//
// The lowest score wins, then the older state. A score is
//
//     base of the group                         (price, energy, scarcity: eligibility.h)
//   + fragmentation * usable GPU that is lost    (fragmentation.h)
//   + best_fit * what stays free of the largest machine, CPU and GPU, 0 to 2
//
// The last settles what fragmentation leaves equal; without it the measured allocation of GPUs
// falls by points. Neither term is negative, which is what makes opening by base exact.
//
// Borrows pool and scores, which outlive it. Not thread-safe. Deterministic.

#pragma once

#include <limits>
#include <optional>
#include <vector>

#include "control/place/fragmentation.h"
#include "control/place/pool.h"

namespace hf::control::place {

inline constexpr double kRefused = std::numeric_limits<double>::infinity();

struct ScoreWeights {
    double fragmentation = 1;  // for each thousandth of a GPU
    double best_fit = 5;
};

// The parts of a score that hang on the state, with usable() of every state remembered: one for
// all choosers of a pool.
class StateScores final {
public:
    struct Parts {
        double fragmentation = 0;
        double best_fit = 0;
        double sum() const { return fragmentation + best_fit; }
    };

    // `kinds` gives the kind of each group. REQUIRES: all machines are in the pool.
    StateScores(const Pool& pool, const Fragmentation& fragmentation,
                std::vector<std::uint32_t> kinds, ScoreWeights weights);

    // Of placing the demand there, on that device. REQUIRES: it fits.
    Parts of(StateIndex state, const Demand& demand, std::size_t device);

    // Usable GPU over all machines, in thousandths.
    double usable_total();

private:
    double usable(StateIndex state);

    const Pool& pool_;
    const Fragmentation& fragmentation_;
    const std::vector<std::uint32_t> kinds_;
    const ScoreWeights weights_;
    double cpu_most_ = 1;
    double gpu_most_ = 1;
    std::vector<double> usable_;  // by state; negative: not computed yet
};

class Chooser final {
public:
    struct Pick {
        double score = 0;
        StateIndex state = kNone;
        std::size_t device = 0;  // position in State::free_milli

        bool worse_than(const Pick& other) const {
            return score != other.score ? score > other.score : state > other.state;
        }
    };

    // `base` by group; kRefused keeps the group out.
    Chooser(const Pool& pool, StateScores& scores, const Demand& demand, std::vector<double> base);

    // The best state with a machine in it, or none. The same again until the pool changes, or
    // the pick is dropped.
    std::optional<Pick> pick();

    // Never again: the state of the last pick; a whole group.
    void drop_pick();
    void close(GroupIndex group) { base_[group] = kRefused; }

    // Scores a state once more: the opposite of drop_pick().
    void consider(StateIndex state);

    // How many states were scored so far.
    std::uint64_t evaluations() const { return evaluations_; }

private:
    void read_news(std::size_t position);  // in order_
    void push(const Pick& pick);

    const Pool& pool_;
    StateScores& scores_;
    const Demand demand_;
    std::vector<double> base_;
    std::vector<GroupIndex> order_;    // groups that take it, the lowest base first
    std::size_t opened_ = 0;           // so many of them are open
    std::vector<std::size_t> cursor_;  // into Pool::entered(), as order_
    std::vector<Pick> heap_;
    std::uint64_t evaluations_ = 0;
};

}  // namespace hf::control::place
