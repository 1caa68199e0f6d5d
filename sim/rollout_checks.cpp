#include "sim/rollout_checks.h"

#include <algorithm>

#include "api/conditions.h"
#include "api/selector.h"
#include "control/rollout/step.h"
#include "sim/order_checks.h"

namespace hf::sim {
namespace {

using control::rollout::at_least;
using control::rollout::at_most;
using control::rollout::Phase;
using control::rollout::RolloutSpec;
using control::rollout::Stage;
using control::rollout::Token;
using control::rollout::Why;

std::string key_of(const json::Value& entry) {
    return fmt::format("{}/{}", json::get_string(entry, "namespace"),
                       json::get_string(entry, "name"));
}

std::optional<Token> token_of(const json::Value& entry) {
    const Result<Token> token = control::rollout::parse_token(json::get_string(entry, "rollout"));
    return token.ok() ? std::optional(*token) : std::nullopt;
}

bool has_failure(const json::Value& report) {
    const json::Array& conditions = items_of(report, "conditions");
    return std::any_of(conditions.begin(), conditions.end(), [](const json::Value& each) {
        return json::get_string(each, "type") != "Ready" &&
               json::get_string(each, "status") == "False";
    });
}

bool has_word(const std::vector<control::rollout::Word>& words, const Stage& stage) {
    return std::any_of(words.begin(), words.end(),
                       [&](const auto& word) { return word.stage == stage.name; });
}

}  // namespace

void RolloutChecks::asked(const std::string& name, const json::Value& spec) {
    asked_[name] = spec;
    for (auto& [uid, book] : books_) {
        if (book.name == name) book.spec = control::rollout::spec_from(spec).value();
    }
}

void RolloutChecks::written(const api::Object& object) {
    if (object.kind() == "Rollout") return write_rollout(object);
    if (object.kind() == "Node") write_node(object);
}

void RolloutChecks::write_rollout(const api::Object& rollout) {
    const std::string uid(rollout.uid());
    if (restoring_) unknown_.insert(uid);
    if (unknown_.contains(uid)) return;
    context_.trace.checked();
    Book& book = books_[uid];
    if (book.uid.empty()) {
        book.uid = uid;
        book.name = std::string(rollout.name());
        const auto asked = asked_.find(book.name);
        const json::Value& spec = asked == asked_.end() ? rollout.spec() : asked->second;
        book.spec = control::rollout::spec_from(spec).value();
        book.service = fmt::format("{}/{}", rollout.ns(), book.spec.service);
    }
    const auto read = control::rollout::state_from(rollout.status());
    if (!read.ok()) {
        return context_.trace.breach("state", "{}: {}", book.name, read.status().message());
    }
    if (read->revision < book.revision) {
        context_.trace.breach("revision", "{} goes from revision {} back to {}", book.name,
                              book.revision, read->revision);
    }
    if (read->stage < book.stage) {
        context_.trace.breach("stages", "{} goes from stage {} back to {}", book.name, book.stage,
                              read->stage);
    }
    const bool was_over = book.phase >= Phase::kAborting;
    const bool back = book.phase == Phase::kAborting || book.phase == Phase::kRolledBack;
    const bool fine = read->phase == book.phase || (read->phase > Phase::kAborting && back);
    if (was_over && !fine) {
        context_.trace.breach("stages", "{} is {} after it was {}", book.name,
                              phase_name(read->phase), phase_name(book.phase));
    }
    if (read->revision > book.revision) book.decided = read->revision;
    if (book.digest.empty() && read->in_force) ++totals_.begun;
    if (read->in_force) {
        book.digest = read->in_force->digest;
        book.from = read->in_force->from;
    }
    if (!was_over && read->phase == Phase::kSucceeded) {
        succeeded_[book.service] = {book.digest, context_.time.monotonic()};
    }
    if (!was_over && read->phase >= Phase::kAborting) {
        ++(read->phase == Phase::kSucceeded ? totals_.succeeded : totals_.turned_back);
    }
    if (read->phase != book.phase) {
        context_.trace.note("roll-out {}: {}", book.name, control::rollout::explain(*read));
    }
    book.revision = read->revision;
    book.stage = read->stage;
    book.phase = read->phase;
}

void RolloutChecks::removed(std::string_view node) {
    const auto machine = machines_.find(std::string(node));
    if (machine == machines_.end()) return;
    for (auto& [uid, book] : books_) {
        if (book.attempts.erase(machine->first) > 0) book.lost.insert(machine->first);
    }
    machines_.erase(machine);
}

void RolloutChecks::write_node(const api::Object& node) {
    const std::string name(node.name());
    Machine& machine = machines_[name];
    machine.ready = api::is_true(node, "Ready");
    machine.labels.clear();
    if (const json::Object* labels = json::find_object(node.metadata(), "labels")) {
        for (const auto& [key, value] : *labels) {
            if (value.is_string())
                machine.labels[std::string(key)] = json::as_view(value.get_string());
        }
    }
    write_seats(node, machine);
    for (auto& [uid, book] : books_) {
        if (!book.attempts.contains(name)) continue;
        const bool seated = machine.seats.contains(book.service);
        if (!seated || !machine.ready) book.lost.insert(name);
        if (!seated) book.attempts[name] = 0;  // they were on the record that is gone
    }
}

void RolloutChecks::write_seats(const api::Object& node, Machine& machine) {
    const std::map<std::string, Seat> before = std::move(machine.seats);
    machine.seats.clear();
    std::vector<std::string> news;
    for (const json::Value& order : items_of(node.spec(), "services")) {
        const std::string service = key_of(order);
        const auto known = before.find(service);
        Seat seat;
        seat.token = token_of(order);
        const bool same = known != before.end() && known->second.token == seat.token;
        if (same) seat = known->second;
        if (!same && seat.token && !restoring_) news.push_back(service);
        seat.digest = json::get_string(order, "digest");
        seat.answers = false;
        machine.seats[service] = seat;
    }
    for (const json::Value& report : items_of(node.status(), "services")) {
        const auto at = machine.seats.find(key_of(report));
        if (at == machine.seats.end()) continue;
        at->second.answers = !json::get_string(report, "digest").empty();
    }
    for (const std::string& service : news) {
        const Seat& seat = machine.seats.at(service);
        const auto book = books_.find(seat.token->rollout);
        if (book != books_.end()) check_order(std::string(node.name()), seat, book->second);
    }
}

void RolloutChecks::told(const std::string& node, const json::Object& status) {
    const auto machine = machines_.find(node);
    if (machine == machines_.end()) return;
    const json::Value said(status);
    for (const json::Value& report : items_of(said, "services")) {
        const auto at = machine->second.seats.find(key_of(report));
        if (at == machine->second.seats.end()) continue;
        Seat& seat = at->second;
        if (!seat.token || token_of(report) != seat.token) continue;
        const bool answers = json::get_string(report, "digest") == seat.digest;
        const bool failed = json::get_bool(report, "settled") && has_failure(report);
        seat.told = answers ? Told::kGood : failed ? Told::kFailed : Told::kNothing;
        const auto book = books_.find(seat.token->rollout);
        if (book == books_.end() || !answers || seat.token->why != Why::kForward) continue;
        book->second.good.insert(node);
        if (!book->second.first_good) book->second.first_good = context_.time.monotonic();
    }
}

void RolloutChecks::activates(const std::string& node, const node::Wish& wish,
                              const std::string& digest) {
    const Result<Token> token = control::rollout::parse_token(wish.rollout);
    if (!token.ok() || token->why != Why::kForward) return;
    const auto found = books_.find(token->rollout);
    if (found == books_.end()) return;
    context_.trace.checked();
    Book& book = found->second;
    if (book.digest != digest) return;
    book.activated.insert(node);
    std::int64_t most = 0;
    bool ordered = false;
    for (const auto& [stage, nodes] : book.ordered) {
        const std::int64_t limit = limit_of(book, stage);
        most =
            limit > control::rollout::kNodesMax - most ? control::rollout::kNodesMax : most + limit;
        ordered = ordered || nodes.contains(node);
    }
    const auto all = static_cast<std::int64_t>(book.activated.size());
    if (!ordered || all > most) {
        context_.trace.breach("radius", "{} is the {}th machine that runs {}'s version; {} may",
                              node, all, book.name, ordered ? most : 0);
    }
}

void RolloutChecks::round_begins() {
    for (auto& [uid, book] : books_) {
        book.paused_at_round = book.spec.paused;
        book.stage_at_round = book.stage;
        book.decided = -1;
        book.failing.clear();
        if (book.phase < Phase::kAborting) count_matching(book);
    }
    for (auto& [name, machine] : machines_) {
        for (auto& [service, seat] : machine.seats) {
            seat.seen = seat.told;
            if (seat.seen != Told::kFailed || seat.token->why != Why::kForward) continue;
            const auto book = books_.find(seat.token->rollout);
            if (book != books_.end()) book->second.failing.insert(name);
        }
    }
}

void RolloutChecks::count_matching(Book& book) const {
    for (std::size_t i = 0; i < book.spec.stages.size(); ++i) {
        const auto selector = api::LabelSelector::parse(book.spec.stages[i].selector).value();
        std::int64_t matching = 0;
        for (const auto& [name, machine] : machines_) {
            matching += machine.seats.contains(book.service) && selector.matches(machine.labels);
        }
        std::int64_t& most = book.matching[static_cast<std::int64_t>(i)];
        most = std::max(most, matching);
    }
}

// Who failed is remembered from now on, whoever goes away.
void RolloutChecks::round_ends() {
    for (auto& [uid, book] : books_) book.failed.merge(book.failing);
}

void RolloutChecks::forget() {
    for (const auto& [uid, book] : books_) unknown_.insert(uid);
    books_.clear();
    machines_.clear();
    restoring_ = true;
}

std::int64_t RolloutChecks::limit_of(const Book& book, std::int64_t stage) const {
    const auto matching = book.matching.find(stage);
    return at_most(stage_of(book, stage).limit,
                   matching == book.matching.end() ? 0 : matching->second);
}

// As the round that is under way could know it, with what it has ordered since.
RolloutChecks::Standing RolloutChecks::standing(const Book& book) const {
    Standing now;
    std::set<std::string> failed = book.failed;
    failed.insert(book.failing.begin(), book.failing.end());
    now.failed = static_cast<std::int64_t>(failed.size());
    for (const auto& [name, machine] : machines_) {
        const auto at = machine.seats.find(book.service);
        if (at == machine.seats.end()) continue;
        const Seat& seat = at->second;
        if (seat.digest != book.digest && seat.digest != book.from) continue;
        ++now.fleet;
        const bool ours = seat.token && seat.token->rollout == book.uid &&
                          seat.token->why == Why::kForward && !failed.contains(name);
        const bool under_way = ours && seat.seen == Told::kNothing;
        now.good += ours && seat.seen == Told::kGood;
        now.under_way += under_way && machine.ready;
        const bool this_step = under_way && seat.token->revision == book.decided;
        if (this_step && machine.ready) now.of_this_step.push_back(*seat.token);
        now.out += under_way || (machine.ready && !seat.answers);
    }
    return now;
}

void RolloutChecks::check_order(const std::string& node, const Seat& seat, Book& book) {
    context_.trace.checked();
    if (seat.token->why != Why::kForward) return;
    ++totals_.orders;
    context_.trace.note("roll-out {} orders {}: stage {}, attempt {}", book.name, node,
                        seat.token->stage, seat.token->attempt);
    if (book.phase >= Phase::kAborting) {
        context_.trace.breach("radius", "{} orders {} after it was {}", book.name, node,
                              phase_name(book.phase));
    }
    if (book.failed.contains(node)) {
        context_.trace.breach("again", "{} orders {} again, which failed the version", book.name,
                              node);
    }
    if (++book.attempts[node] > book.spec.attempts_max) {
        context_.trace.breach("again", "{} orders {} the {}th time, of {}", book.name, node,
                              book.attempts[node], book.spec.attempts_max);
    }
    check_proof(seat, book);
    check_abort_rules(node, book);
    book.ordered[seat.token->stage].insert(node);
    check_limits(node, seat, book);
    if (seat.token->revision == book.decided) check_disruption(node, book);
}

void RolloutChecks::check_limits(const std::string& node, const Seat& seat, Book& book) {
    const std::int64_t stage = seat.token->stage;
    const auto ordered = static_cast<std::int64_t>(book.ordered[stage].size());
    if (ordered > limit_of(book, stage)) {
        context_.trace.breach("radius", "{} orders {}, the {}th of stage {}, of {}", book.name,
                              node, ordered, stage, limit_of(book, stage));
    }
}

// What must be so before the first machine of a stage is ordered.
void RolloutChecks::check_proof(const Seat& seat, const Book& book) {
    const std::int64_t at = seat.token->stage;
    if (book.ordered.contains(at)) return;
    const Stage& stage = stage_of(book, at);
    if (stage.approval && !has_word(book.spec.approvals, stage)) {
        context_.trace.breach("stages", "{}: stage '{}' begins unapproved", book.name, stage.name);
    }
    for (std::int64_t i = 0; i < at; ++i) {
        const auto ordered = book.ordered.find(i);
        if (ordered == book.ordered.end()) continue;
        std::int64_t good = 0;
        std::int64_t lost = 0;
        for (const std::string& node : ordered->second) {
            good += book.good.contains(node);
            lost += book.lost.contains(node);
        }
        const auto all = static_cast<std::int64_t>(ordered->second.size());
        const bool enough = good + lost >= at_least(stage_of(book, i).success_percent, all);
        if (!enough || (i == 0 && good == 0)) {
            context_.trace.breach("stages",
                                  "{}: stage {} begins, and {} of {} are good in stage {}",
                                  book.name, at, good, all, i);
        }
        const Stage& before = stage_of(book, i);
        if (has_word(book.spec.promotions, before) || !book.first_good || good == 0) continue;
        if (*book.first_good + before.soak > context_.time.monotonic()) {
            context_.trace.breach("stages", "{}: stage {} begins before stage {} has soaked",
                                  book.name, at, i);
        }
    }
}

void RolloutChecks::check_abort_rules(const std::string& node, const Book& book) {
    const Standing now = standing(book);
    const auto& rules = book.spec.abort;
    if (rules.failures && now.failed >= *rules.failures) {
        context_.trace.breach("radius", "{} orders {}, and {} have failed of {}", book.name, node,
                              now.failed, *rules.failures);
    }
    const std::int64_t ended = now.failed + now.good;
    if (rules.failure_percent && now.failed > 0 && ended >= rules.minimum_sample &&
        now.failed * 100 >= *rules.failure_percent * ended) {
        context_.trace.breach("radius", "{} orders {}, and {} of {} have failed, the limit is {} %",
                              book.name, node, now.failed, ended, *rules.failure_percent);
    }
}

void RolloutChecks::check_disruption(const std::string& node, const Book& book) {
    if (book.paused_at_round) {
        context_.trace.breach("stages", "{} orders {} while it is paused", book.name, node);
    }
    const Standing now = standing(book);
    const std::int64_t budget = at_most(book.spec.budget, now.fleet);
    if (now.out > budget) {
        context_.trace.breach("disruption", "{} orders {}: {} are out, the budget is {} of {}",
                              book.name, node, now.out, budget, now.fleet);
    }
    check_parallel(node, book);
}

// A step may go through several stages: who was ordered in one of them came before who was in the
// next, in whatever order they are written. All orders of the step are looked at again with each,
// for it may be the one too many of a later stage.
void RolloutChecks::check_parallel(const std::string& node, const Book& book) {
    const Standing now = standing(book);
    for (const Token& order : now.of_this_step) {
        const Stages in = decided_in(order, book);
        std::int64_t before = now.under_way;
        for (const Token& other : now.of_this_step) before -= other.stage > in.last;
        std::int64_t most = 0;
        for (std::int64_t stage = in.first; stage <= in.last; ++stage) {
            most = std::max(most, stage_of(book, stage).max_parallel);
        }
        if (before <= most) continue;
        context_.trace.breach("disruption", "{} orders {}: {} are under way, {} may be", book.name,
                              node, before, most);
    }
}

// The stages that the step may have been in. One that is ordered again keeps the stage of its first
// order; the others tell.
RolloutChecks::Stages RolloutChecks::decided_in(const Token& order, const Book& book) {
    return {std::max(order.stage, book.stage_at_round),
            order.attempt == 1 ? order.stage : book.stage};
}

}  // namespace hf::sim
