#include "control/place/chooser.h"

#include <algorithm>

#include "base/check.h"

namespace hf::control::place {

StateScores::StateScores(const Pool& pool, const Fragmentation& fragmentation,
                         std::vector<std::uint32_t> kinds, ScoreWeights weights)
    : pool_(pool), fragmentation_(fragmentation), kinds_(std::move(kinds)), weights_(weights) {
    for (StateIndex i = 0; i < pool.state_count(); ++i) {
        const State& state = pool.state(i);
        cpu_most_ = std::max(cpu_most_, static_cast<double>(state.cpu_milli));
        gpu_most_ = std::max(gpu_most_, static_cast<double>(state.gpu_free_milli()));
    }
}

double StateScores::usable(StateIndex state) {
    if (usable_.size() <= state) usable_.resize(pool_.state_count(), -1);
    double& known = usable_[state];
    if (known < 0) {
        const State& what = pool_.state(state);
        known = fragmentation_.usable(what, kinds_[what.group]);
    }
    return known;
}

double StateScores::usable_total() {
    double sum = 0;
    for (MachineIndex i = 0; i < pool_.machine_count(); ++i) sum += usable(pool_.state_of(i));
    return sum;
}

StateScores::Parts StateScores::of(StateIndex state, const Demand& demand, std::size_t device) {
    const State next = after(pool_.state(state), demand, device);
    Parts parts;
    if (weights_.fragmentation > 0 && next.gpus > 0) {
        const double lost = usable(state) - fragmentation_.usable(next, kinds_[next.group]);
        parts.fragmentation = weights_.fragmentation * std::max(lost, 0.0);  // rounding
    }
    parts.best_fit = weights_.best_fit * (next.cpu_milli / cpu_most_ +
                                          static_cast<double>(next.gpu_free_milli()) / gpu_most_);
    return parts;
}

Chooser::Chooser(const Pool& pool, StateScores& scores, const Demand& demand,
                 std::vector<double> base)
    : pool_(pool), scores_(scores), demand_(demand), base_(std::move(base)) {
    HF_CHECK(base_.size() >= pool.group_count(), "a base for each group");
    for (GroupIndex group = 0; group < pool.group_count(); ++group) {
        if (base_[group] != kRefused) order_.push_back(group);
    }
    std::stable_sort(order_.begin(), order_.end(),
                     [&](GroupIndex a, GroupIndex b) { return base_[a] < base_[b]; });
    cursor_.resize(order_.size(), 0);
}

void Chooser::push(const Pick& pick) {
    heap_.push_back(pick);
    std::push_heap(heap_.begin(), heap_.end(),
                   [](const Pick& a, const Pick& b) { return a.worse_than(b); });
}

void Chooser::drop_pick() {
    std::pop_heap(heap_.begin(), heap_.end(),
                  [](const Pick& a, const Pick& b) { return a.worse_than(b); });
    heap_.pop_back();
}

void Chooser::consider(StateIndex index) {
    const State& state = pool_.state(index);
    if (!fits(state, demand_)) return;
    Pick best{kRefused, index, 0};
    // Only a share or a single device has a choice; of devices with equally much free, the first.
    const std::size_t end = demand_.gpus == 1 ? state.gpus : 1;
    for (std::size_t i = 0; i < end; ++i) {
        if (demand_.gpus == 1 && state.free_milli[i] < demand_.gpu_milli) continue;
        if (i > 0 && state.free_milli[i] == state.free_milli[i - 1]) continue;
        const double score = base_[state.group] + scores_.of(index, demand_, i).sum();
        ++evaluations_;
        if (score < best.score) best = {score, index, i};
    }
    if (best.score != kRefused) push(best);
}

void Chooser::read_news(std::size_t position) {
    const std::vector<StateIndex>& news = pool_.entered(order_[position]);
    for (std::size_t& i = cursor_[position]; i < news.size(); ++i) {
        if (pool_.first_in(news[i]) != kNone) consider(news[i]);
    }
}

std::optional<Chooser::Pick> Chooser::pick() {
    for (std::size_t position = 0; position < opened_; ++position) read_news(position);
    for (;;) {
        while (!heap_.empty()) {
            const StateIndex best = heap_.front().state;
            const bool gone =
                pool_.first_in(best) == kNone || base_[pool_.state(best).group] == kRefused;
            if (!gone) break;
            drop_pick();
        }
        // A group not opened yet cannot score below its base; on a tie it might be the older state.
        const bool settled = opened_ == order_.size() ||
                             (!heap_.empty() && heap_.front().score < base_[order_[opened_]]);
        if (settled) break;
        read_news(opened_++);
    }
    if (heap_.empty()) return std::nullopt;
    return heap_.front();
}

}  // namespace hf::control::place
