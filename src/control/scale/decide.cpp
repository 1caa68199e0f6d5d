#include "control/scale/decide.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/json_lists.h"

namespace hf::control::scale {
namespace {

using api::Condition;
using api::Truth;

std::int64_t divide_up(std::int64_t a, std::int64_t b) {
    return (a + b - 1) / b;
}

Condition condition(std::string_view type, Truth truth, std::string_view reason,
                    std::string message) {
    return {std::string(type), truth, std::string(reason), std::move(message), 0, {}};
}

// Whether the number was raised less than a kUpPeriod ago.
bool is_in_period(const History& history, Instant now) {
    return history.raised_at && *history.raised_at <= now && now - *history.raised_at < kUpPeriod;
}

// What the load asks for, with its reason in words.
struct Ask {
    std::int64_t replicas = 0;
    std::string why;
};

std::string in_words(const ScaleSpec& spec, const Signals& signals) {
    return fmt::format("{:.1f} requests under way and waiting, {} for each replica",
                       static_cast<double>(signals.concurrency_milli) / 1000, spec.concurrency);
}

Ask by_concurrency(const ScaleSpec& spec, const Signals& signals, std::int64_t wanted) {
    const std::int64_t target = 1000 * spec.concurrency;
    const std::int64_t all = signals.concurrency_milli;
    Ask ask{std::max<std::int64_t>(1, divide_up(all, target)), in_words(spec, signals)};
    const std::int64_t room = wanted * target;
    if (all > room) {
        if (all * 100 <= room * (100 + kTolerancePercent)) ask.replicas = wanted;
    } else if (all * 100 >= room * (100 - kTolerancePercent)) {
        ask.replicas = wanted;
    }
    return ask;
}

Ask by_queue(const ScaleSpec& spec, const Signals& signals, const History& before, Instant now) {
    if (spec.queue <= Duration::zero() || signals.queue <= spec.queue / 2) return {};
    const bool just_raised = is_in_period(before, now);
    // As HPA does: replicas that do not answer yet will have no queue.
    const double ratio = static_cast<double>(signals.queue.count()) /
                         static_cast<double>(spec.queue.count()) *
                         static_cast<double>(signals.answering) /
                         static_cast<double>(std::max(before.wanted, signals.answering));
    Ask ask{before.wanted,
            fmt::format("requests wait {:.1f} ms, {:.1f} are the target",
                        std::chrono::duration<double, std::milli>(signals.queue).count(),
                        std::chrono::duration<double, std::milli>(spec.queue).count())};
    if (ratio * 100 <= 100 + kTolerancePercent || just_raised) return ask;
    const double more = static_cast<double>(before.wanted) * std::min(ratio, 2.0);
    ask.replicas = static_cast<std::int64_t>(more);
    if (static_cast<double>(ask.replicas) < more) ++ask.replicas;
    return ask;
}

// Two neighbours become one until there are few: those that lie closest.
void shorten(std::vector<History::Higher>& higher) {
    while (higher.size() > kHigherMax) {
        std::size_t best = 0;
        for (std::size_t i = 0; i + 1 < higher.size(); ++i) {
            const auto gap = [&](std::size_t at) {
                return higher[at].replicas - higher[at + 1].replicas;
            };
            if (gap(i) < gap(best)) best = i;
        }
        higher[best].until = higher[best + 1].until;
        higher.erase(higher.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    }
}

// `asked_for` from now on.
void note_asked(History& history, std::int64_t asked_for, Duration window, Instant now) {
    const std::int64_t last = history.asked_for > 0 ? history.asked_for : history.wanted;
    if (asked_for < last) {
        std::erase_if(history.higher, [&](const auto& each) { return each.replicas <= last; });
        history.higher.push_back({last, now});
    }
    std::erase_if(history.higher, [&](auto& each) {
        each.until = std::min(each.until, now);  // the clock was put back
        return each.replicas <= asked_for || now - each.until >= window;
    });
    shorten(history.higher);
    history.asked_for = asked_for;
}

Condition not_limited() {
    return condition("ScalingLimited", Truth::kFalse, "WithinLimits", "no limit holds the number");
}

// What keeps the number from what is asked for.
struct Limit {
    std::int64_t replicas = 0;
    Condition condition;
};

Limit within(const ScaleSpec& spec, const Ask& ask, const Signals& signals, const History& before) {
    const auto limited = [](std::int64_t replicas, std::string_view reason, std::string message) {
        return Limit{replicas,
                     condition("ScalingLimited", Truth::kTrue, reason, std::move(message))};
    };
    if (ask.replicas > before.wanted && signals.seats < before.wanted) {
        return limited(before.wanted, "NoMachine",
                       fmt::format("{} of {} replicas have a machine; more are not asked for "
                                   "before all have",
                                   signals.seats, before.wanted));
    }
    if (ask.replicas > spec.max) {
        return limited(spec.max, "AtMax",
                       fmt::format("spec.scale.max is {}, the load asks for {}: {}", spec.max,
                                   ask.replicas, ask.why));
    }
    if (ask.replicas < spec.min) {
        return limited(
            spec.min, "AtMin",
            fmt::format("spec.scale.min is {}, the load asks for {}", spec.min, ask.replicas));
    }
    return {ask.replicas, not_limited()};
}

// Up, no faster than the rule says.
std::int64_t raise(History& history, std::int64_t asked_for, Condition& limited, Instant now) {
    const bool same_period = is_in_period(history, now);
    const std::int64_t from = same_period ? history.raised_from : history.wanted;
    const std::int64_t most = std::max(2 * from, from + kUpReplicas);
    if (asked_for > most) {
        limited = condition(
            "ScalingLimited", Truth::kTrue, "Pace",
            fmt::format("from {} to at most {} in {} s, the load asks for {}", from, most,
                        std::chrono::duration_cast<std::chrono::seconds>(kUpPeriod).count(),
                        asked_for));
    }
    const std::int64_t wanted = std::max(history.wanted, std::min(asked_for, most));
    if (wanted > history.wanted && !same_period) {
        history.raised_from = history.wanted;
        history.raised_at = now;
    }
    return wanted;
}

Decision first(const ScaleSpec& spec) {
    History history;
    history.wanted = spec.min;
    return {history,
            condition("Scaled", Truth::kTrue, "AsAsked",
                      fmt::format("begins with {} of at most {} replicas", spec.min, spec.max)),
            not_limited()};
}

// Why the number stays although the load asks for less, or for anything; nullopt: nothing holds it.
std::optional<Condition> held(const Situation& situation, bool asks_for_less) {
    const Signals& signals = situation.signals;
    if (situation.rolling) {
        return condition("Scaled", Truth::kFalse, "RolloutUnderWay",
                         "the number stays until the roll-out ends");
    }
    if (!asks_for_less) return std::nullopt;
    if (!signals.silent.empty()) {
        return condition("Scaled", Truth::kFalse, "SignalsMissing",
                         fmt::format("{} of {} machines do not say what they are asked, {} among "
                                     "them: the number does not go down",
                                     signals.silent.size(), signals.seats, signals.silent.front()));
    }
    if (signals.answering > 0) return std::nullopt;
    return condition("Scaled", Truth::kFalse, "SignalsMissing",
                     "no replica answers, so nobody knows what would be asked: the number does not "
                     "go down");
}

struct Move {
    std::int64_t before = 0;   // what was wanted
    std::int64_t present = 0;  // the same, within the limits of now
    std::int64_t asked_for = 0;
    std::string why;
};

// What the number follows, in words.
Condition told(const ScaleSpec& spec, const Move& move, const History& history) {
    const auto as_asked = [](std::string message) {
        return condition("Scaled", Truth::kTrue, "AsAsked", std::move(message));
    };
    if (history.wanted != move.before) {
        const bool by_limits = history.wanted == move.present;
        return as_asked(fmt::format("from {} to {} replicas: {}", move.before, history.wanted,
                                    by_limits ? "the limits changed" : move.why));
    }
    if (move.asked_for >= move.present) return as_asked(move.why);
    return condition(
        "Scaled", Truth::kTrue, "HighLately",
        fmt::format("{} would do now; up to {} were asked for within {}", move.asked_for,
                    history.higher.front().replicas, format_duration(spec.down_after)));
}

}  // namespace

Decision decide(const ScaleSpec& spec, const Situation& situation, const History& before,
                Instant now) {
    if (before.wanted <= 0) return first(spec);
    Decision decision{before, {}, {}};
    History& history = decision.history;
    history.wanted = std::clamp(before.wanted, spec.min, spec.max);
    const Signals& signals = situation.signals;
    Ask ask = by_concurrency(spec, signals, history.wanted);
    if (Ask longer = by_queue(spec, signals, history, now); longer.replicas > ask.replicas) {
        ask = std::move(longer);
    }
    const std::int64_t present = history.wanted;
    const std::optional<Condition> hold = held(situation, ask.replicas < present);
    if (hold) ask.replicas = present;
    Limit limit = within(spec, ask, signals, history);
    decision.limited = std::move(limit.condition);
    note_asked(history, limit.replicas, spec.down_after, now);
    if (limit.replicas >= present) {
        history.wanted = raise(history, limit.replicas, decision.limited, now);
    } else {
        const std::int64_t lately = history.higher.empty() ? 0 : history.higher.front().replicas;
        history.wanted = std::min(present, std::max(limit.replicas, lately));
    }
    decision.scaled =
        hold ? *hold : told(spec, {before.wanted, present, limit.replicas, ask.why}, history);
    return decision;
}

History history_of(const api::Object& service) {
    History history;
    history.wanted = std::max<std::int64_t>(0, json::get_int(service.status(), "wantedReplicas"));
    const json::Value* scale = json::find(service.status(), "scale");
    if (!scale) return history;
    history.asked_for = std::max<std::int64_t>(0, json::get_int(*scale, "askedFor"));
    for (const json::Value& each : json::items_of(*scale, "higher")) {
        const Result<Instant> until = parse_rfc3339(json::get_string(each, "until"));
        const std::int64_t replicas = json::get_int(each, "replicas");
        if (until.ok() && replicas > 0) history.higher.push_back({replicas, *until});
    }
    const Result<Instant> raised = parse_rfc3339(json::get_string(*scale, "raisedAt"));
    if (raised.ok()) {
        history.raised_at = *raised;
        history.raised_from = std::max<std::int64_t>(1, json::get_int(*scale, "raisedFrom"));
    }
    return history;
}

void write_decision(api::Object& service, const Decision& decision, Instant now) {
    const History& history = decision.history;
    const bool moved = history.wanted != json::get_int(service.status(), "wantedReplicas");
    json::Object scale{{"askedFor", history.asked_for}};
    json::Array higher;
    for (const History::Higher& each : history.higher) {
        higher.push_back(
            {{"replicas", each.replicas}, {"until", format_rfc3339_micros(each.until)}});
    }
    if (!higher.empty()) scale["higher"] = std::move(higher);
    if (history.raised_at) {
        scale["raisedFrom"] = history.raised_from;
        scale["raisedAt"] = format_rfc3339_micros(*history.raised_at);
    }
    json::Object& status = service.edit_status();
    status["wantedReplicas"] = history.wanted;
    status["scale"] = std::move(scale);
    for (Condition each : {decision.scaled, decision.limited}) {
        const auto last = api::find_condition(service, each.type);
        const bool same = last && last->status == each.status && last->reason == each.reason;
        if (same && !moved) each.message = last->message;
        each.observed_generation = service.generation();
        api::set_condition(service, each, now);
    }
}

}  // namespace hf::control::scale
