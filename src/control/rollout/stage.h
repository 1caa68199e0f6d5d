// One stage, as it stands: which nodes count for it, how many there are of each sort, whether it
// passed or cannot pass any more; what it orders next; and the way from stage to stage. Used by
// step.cpp's parts only. Pure.

#pragma once

#include "control/rollout/round.h"

namespace hf::control::rollout {

// A stage of which more than this share fell silent, or went away, proves nothing.
inline constexpr std::int64_t kSilentPercentMax = 50;

struct Tally {
    std::int64_t matching = 0;  // nodes that the stage's percentages are of
    std::int64_t members = 0;   // ordered in this stage, or fixed and silent before they were
    std::int64_t base = 0;      // of these and the fixed ones to come, all but the silent
    std::int64_t good = 0;
    std::int64_t failed = 0;
    std::int64_t silent = 0;
    std::int64_t gone = 0;       // ordered, and not there any more
    std::int64_t under_way = 0;  // of all stages
    std::int64_t waiting = 0;    // of these, for a maintenance window
    std::int64_t fresh = 0;      // may be ordered now
    std::int64_t late = 0;       // unreachable, and still waited for
    std::int64_t room = 0;       // that the limit leaves for further nodes
    bool in_base = false;        // fresh and late ones are
    bool last = false;           // stage: it ends when nobody is under way
    bool promoted = false;       // somebody says that it may go on
    bool needs_good = false;     // it chose its nodes: some must be good, whoever is left

    bool takes_more() const { return fresh + late > 0 && room > 0; }
    std::int64_t needed(const Stage& stage) const;  // good ones
    bool proves_nothing() const {
        return (silent + gone) * 100 > (members + gone) * kSilentPercentMax;
    }
    bool passed(const Stage& stage) const;
    bool cannot_pass(const Stage& stage) const;
};

class StageView final {
public:
    // REQUIRES: the selector parses; the stage is the one under way.
    explicit StageView(Round& round);

    bool fixed() const { return round_.state.stage == 0; }  // its members are
    bool includes(const View& view) const;
    // Whether the node wants another attempt.
    bool is_due(const View& view) const;
    // Whether the node may get an order as a new member.
    bool is_fresh(const View& view) const;
    Tally tally() const;
    const Stage& stage() const { return stage_; }

private:
    void count(const View& view, Tally& tally) const;

    Round& round_;
    const Stage& stage_;
    api::LabelSelector selector_;
};

bool has_word(const std::vector<Word>& words, const Stage& stage);

// Orders what may be ordered now. Why not all that is due was; empty when it was.
std::string order_more(Round& round, const StageView& stage, const Tally& tally);

// Does what the stage under way allows. Whether there is more to do: it began, or the next one is
// under way.
bool advance_stage(Round& round);

}  // namespace hf::control::rollout
