#include "serve/gateway/call.h"

#include <algorithm>

#include "base/text.h"

namespace hf::serve::gateway {
namespace {

bool worth_another(const Call::Ended& ended) {
    if (ended.unusable) return false;
    const Ending ending = ended.outcome.ending;
    return ending == Ending::kPressed || ending == Ending::kUnreachable;
}

double milliseconds(Duration duration) {
    return std::chrono::duration<double, std::milli>(duration).count();
}

}  // namespace

Call::Step Call::next(Balancer& balancer, Instant now, Rng& rng) {
    if (done_) return *done_;
    if (attempts_.empty()) return first(balancer, now, rng);
    for (std::size_t i = 0; i < attempts_.size(); ++i) {
        const std::optional<Ended>& ended = attempts_[i].ended;
        if (!ended || ended->outcome.ending == Ending::kNotSent || worth_another(*ended)) continue;
        if (ended->answered) return finish(i, {}, now);
        return finish(std::nullopt, ended->error, now);
    }
    if (now >= facts_.deadline) {
        return finish(std::nullopt,
                      deadline_exceeded("service '{}' did not answer in its time; asked: {}",
                                        facts_.service, tried()),
                      now);
    }
    if (under_way() == 0) return again(balancer, now, rng);
    if (hedge_at_ && now >= *hedge_at_) {
        if (std::optional<Step> step = hedge(balancer, now, rng)) return std::move(*step);
    }
    Step wait;
    wait.wake = hedge_at_ ? std::min(*hedge_at_, facts_.deadline) : facts_.deadline;
    return wait;
}

Call::Step Call::first(Balancer& balancer, Instant now, Rng& rng) {
    balancer.count_request(facts_.service);
    const Status late = too_late(balancer, now);
    if (!late.ok()) return finish(std::nullopt, late, now);
    Result<Choice> choice = balancer.choose(want(false), now, rng);
    if (!choice.ok()) return finish(std::nullopt, choice.status(), now);
    return send(balancer, std::move(choice).value(), now);
}

Call::Step Call::again(Balancer& balancer, Instant now, Rng& rng) {
    const Attempt& last = attempts_.back();
    const bool not_sent = last.ended->outcome.ending == Ending::kNotSent && !last.hedge;
    if (not_sent || attempts_.size() >= kAttemptsMax) return fall_back(now);
    if (!too_late(balancer, now).ok()) return fall_back(now);
    Result<Choice> choice = balancer.choose(want(false), now, rng);
    if (!choice.ok()) return fall_back(now);
    // Who knows no tasks says so once in a while, which is no storm; that nobody does, at once.
    const bool no_tasks = last.ended->outcome.no_tasks;
    if (no_tasks && choice->no_tasks) {
        balancer.report(*choice, {.ending = Ending::kNotSent}, now);
        return fall_back(now);
    }
    // A probe that failed is not charged for: there is one a time of ejection, which is no storm,
    // and its request must not pay for having been the one.
    const auto probes = static_cast<std::size_t>(
        std::count_if(attempts_.begin(), attempts_.end(),
                      [](const Attempt& attempt) { return attempt.choice.ticket.probe; }));
    if (free_retries_ < probes) {
        ++free_retries_;
    } else if (!no_tasks && !balancer.spend_on_retry(facts_.service)) {
        balancer.report(*choice, {.ending = Ending::kNotSent}, now);
        return fall_back(now);
    }
    return send(balancer, std::move(choice).value(), now);
}

std::optional<Call::Step> Call::hedge(Balancer& balancer, Instant now, Rng& rng) {
    hedge_at_.reset();
    if (attempts_.size() >= kAttemptsMax || !too_late(balancer, now).ok()) return std::nullopt;
    Result<Choice> choice = balancer.choose(want(true), now, rng);
    if (!choice.ok()) return std::nullopt;
    if (!balancer.spend_on_hedge(facts_.service)) {
        balancer.report(*choice, {.ending = Ending::kNotSent}, now);
        return std::nullopt;
    }
    Step step = send(balancer, std::move(choice).value(), now);
    hedge_at_.reset();
    step.send->hedge = true;
    attempts_.back().hedge = true;
    return step;
}

Call::Step Call::send(Balancer& balancer, Choice choice, Instant now) {
    const Duration half = (facts_.deadline - now) / 2;
    const Duration delay = balancer.p95(facts_.service, now).value_or(half);
    const bool hedged = std::any_of(attempts_.begin(), attempts_.end(),
                                    [](const Attempt& attempt) { return attempt.hedge; });
    if (!hedged) hedge_at_ = now + std::max(delay, kHedgeDelayMin);
    Step step;
    step.send.emplace();
    step.send->attempt = attempts_.size();
    step.send->choice = choice;
    step.send->patient = choice.sole || !attempts_.empty();
    attempts_.push_back({std::move(choice), false, std::nullopt, {}});
    return step;
}

Call::Step Call::finish(std::optional<std::size_t> answer, Status failure, Instant now) {
    Step step;
    step.done = true;
    step.answer = answer;
    step.failure = std::move(failure);
    done_ = step;
    done_at_ = now;
    return step;
}

void Call::give_up(Instant now) {
    if (done_) return;
    static_cast<void>(finish(
        std::nullopt, cancelled("service '{}': who asked waits no longer", facts_.service), now));
}

Call::Step Call::fall_back(Instant now) {
    for (std::size_t i = attempts_.size(); i-- > 0;) {
        if (attempts_[i].ended && attempts_[i].ended->answered) return finish(i, {}, now);
    }
    for (auto at = attempts_.rbegin(); at != attempts_.rend(); ++at) {
        if (!at->ended || at->ended->error.ok()) continue;
        const Status status(Code::kUnavailable, std::string(at->ended->error.message()));
        return finish(std::nullopt,
                      status.context("service '{}': no replica could be reached (asked: {})",
                                     facts_.service, tried()),
                      now);
    }
    return finish(std::nullopt,
                  unavailable("service '{}': no replica could be asked", facts_.service), now);
}

void Call::ended(Balancer& balancer, std::size_t attempt, Ended ended, Instant now) {
    HF_CHECK(attempt < attempts_.size() && !attempts_[attempt].ended, "attempt {}", attempt);
    ended.outcome.timed = ended.outcome.timed && facts_.timed;
    Instant at = now;
    if (ended.stopped) {
        // What the caller needed to stop it is not the replica's time.
        at = done_ ? std::max(done_at_, attempts_[attempt].choice.ticket.started) : now;
        ended.outcome.ending = ending_when_stopped();
    }
    balancer.report(attempts_[attempt].choice, ended.outcome, at);
    attempts_[attempt].ended = std::move(ended);
    attempts_[attempt].ended_at = now;
}

Ending Call::ending_when_stopped() const {
    if (!done_) return Ending::kNotSent;
    if (done_->answer) return Ending::kBeaten;
    const bool late = done_->failure.code() == Code::kDeadlineExceeded;
    return late ? Ending::kSilent : Ending::kNotSent;
}

Want Call::want(bool only_serving) const {
    Want want;
    want.service = facts_.service;
    want.site = facts_.site;
    want.only_serving = only_serving;
    want.task = facts_.task;
    for (const Attempt& attempt : attempts_) {
        const Choice& choice = attempt.choice;
        want.exclude.push_back(choice.replica.url);
        const bool silent = attempt.ended &&
                            attempt.ended->outcome.ending == Ending::kUnreachable &&
                            attempt.ended_at - choice.ticket.started >= kSilenceMin;
        if (silent && !choice.replica.site.empty())
            want.silent_sites.push_back(choice.replica.site);
    }
    return want;
}

Status Call::too_late(Balancer& balancer, Instant now) const {
    const Duration left = facts_.deadline - now;
    if (left < kTimeLeftMin) {
        return deadline_exceeded("service '{}': no time is left to ask it", facts_.service);
    }
    const std::optional<Duration> fastest =
        facts_.timed ? balancer.fastest(facts_.service, now) : std::nullopt;
    if (!fastest || left >= *fastest) return {};
    return deadline_exceeded(
        "service '{}': {:.1f} ms are left, and the fastest of its recent answers took {:.1f} ms; "
        "allow more time",
        facts_.service, milliseconds(left), milliseconds(*fastest));
}

std::string Call::tried() const {
    std::vector<std::string> nodes;
    for (const Attempt& attempt : attempts_) nodes.push_back(attempt.choice.replica.node);
    return join(nodes, ", ");
}

std::size_t Call::under_way() const {
    return static_cast<std::size_t>(std::count_if(
        attempts_.begin(), attempts_.end(), [](const Attempt& attempt) { return !attempt.ended; }));
}

}  // namespace hf::serve::gateway
