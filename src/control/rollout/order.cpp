// Which nodes are ordered now: those that want another attempt, then new members of the stage, by
// name, while window, limit, budget, parallelism and rate allow.

#include <algorithm>

#include "control/rollout/stage.h"

namespace hf::control::rollout {
namespace {

using std::chrono::microseconds;

// The rate as a token bucket that holds a quarter of a minute's worth, in the form of its
// "theoretical arrival time" (the generic cell rate algorithm, ITU-T I.371): one instant.
struct Rate {
    Duration apart{};      // of two orders
    Duration tolerance{};  // how far the instant may run ahead of now

    explicit Rate(std::int64_t per_minute)
        : apart(microseconds((60'000'000 + per_minute - 1) / per_minute)),
          tolerance((std::max<std::int64_t>(1, per_minute / 4) - 1) * apart) {}

    // The instant as it counts now. One further ahead than a full bucket can be is from a clock
    // that went back.
    Instant from(const std::optional<Instant>& stored, Instant now) const {
        return std::clamp(stored.value_or(now), now, now + tolerance + apart);
    }
};

class Orders final {
public:
    Orders(Round& round, const StageView& stage, const Tally& tally)
        : round_(round), stage_(stage), room_(tally.room) {
        std::int64_t all = 0;
        for (const View& view : round.views) {
            all += view.standing != Standing::kOther;
            in_flight_ += view.standing == Standing::kInFlight;
            busy_ += view.busy;
        }
        budget_ = at_most(round.spec().budget, all);
    }

    // Empty: ordered.
    std::string order(View& view) {
        std::string held = hold(view);
        if (!held.empty()) return held;
        const bool again = stage_.is_due(view);
        Progress& progress = round_.state.progress[static_cast<std::size_t>(round_.state.stage)];
        Outgoing order;
        order.node = view.node->name;
        order.stage = again ? view.stage : round_.state.stage;
        order.ordinal = again ? view.ordinal : progress.ordered + 1;
        order.attempt = view.attempt + 1;
        order.revision = round_.revision;
        if (!round_.put_out(order)) return "the outbox is full until orders are on record";
        take_rate();
        if (!again) {
            --room_;
            ++progress.ordered;
        }
        busy_ += !view.busy;
        in_flight_ += view.standing != Standing::kInFlight;
        view.standing = Standing::kInFlight;
        view.stage = order.stage;
        view.ordinal = order.ordinal;
        view.attempt = order.attempt;
        view.pending = true;
        view.busy = true;
        view.timed_out = false;
        return {};
    }

    bool full() const { return room_ <= 0; }

private:
    std::string hold(const View& view) {
        if (busy_ + !view.busy > budget_) {
            return fmt::format("the disruption budget of {} is used by {}", budget_, busy_names());
        }
        const std::int64_t parallel = stage_.stage().max_parallel;
        if (in_flight_ + (view.standing != Standing::kInFlight) > parallel) {
            return fmt::format("at most {} at a time", parallel);
        }
        return hold_rate();
    }

    std::string busy_names() const {
        std::vector<std::string> names;
        for (const View& view : round_.views) {
            if (view.busy) names.push_back(view.node->name);
        }
        return name_some(names);
    }

    std::string hold_rate() {
        if (!round_.spec().rate_per_minute) return {};
        const Rate rate(*round_.spec().rate_per_minute);
        const Instant free = rate.from(round_.state.rate_time, round_.now) - rate.tolerance;
        if (free <= round_.now) return {};
        round_.wake_at(free);
        return fmt::format("at most {} a minute, the next at {}", *round_.spec().rate_per_minute,
                           format_rfc3339_micros(free));
    }

    void take_rate() {
        if (!round_.spec().rate_per_minute) return;
        const Rate rate(*round_.spec().rate_per_minute);
        round_.state.rate_time = rate.from(round_.state.rate_time, round_.now) + rate.apart;
    }

    Round& round_;
    const StageView& stage_;
    std::int64_t room_ = 0;
    std::int64_t budget_ = 0;
    std::int64_t busy_ = 0;
    std::int64_t in_flight_ = 0;
};

// Empty: orders may leave.
std::string hold_window(Round& round) {
    const RolloutSpec& spec = round.spec();
    const TimeZones& zones = round.observed.time_zones;
    if (spec.download_ahead || window_open(spec.windows, zones, round.now)) return {};
    const std::optional<Instant> opens = next_opening(spec.windows, zones, round.now);
    if (!opens) return unknown_zone_words(spec, zones);
    round.wake_at(*opens);
    return "no maintenance window is open before " + format_rfc3339(*opens);
}

}  // namespace

std::string order_more(Round& round, const StageView& stage, const Tally& tally) {
    const bool any_due = std::any_of(round.views.begin(), round.views.end(),
                                     [&](const View& view) { return stage.is_due(view); });
    if (!any_due && (tally.fresh == 0 || tally.room == 0)) return {};
    if (std::string closed = hold_window(round); !closed.empty()) return closed;
    Orders orders(round, stage, tally);
    for (View& view : round.views) {
        if (!stage.is_due(view)) continue;
        if (std::string held = orders.order(view); !held.empty()) return held;
    }
    const std::size_t at = static_cast<std::size_t>(round.state.stage);
    if (round.state.progress[at].closed) return {};
    for (View& view : round.views) {
        if (orders.full()) return {};
        if (!view.reachable() || !stage.is_fresh(view)) continue;
        if (std::string held = orders.order(view); !held.empty()) return held;
    }
    return {};
}

}  // namespace hf::control::rollout
