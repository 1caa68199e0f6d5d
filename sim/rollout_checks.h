// What must be true of roll-outs, whatever happens to servers and machines: how many machines ever
// got a version, and when no further one does. Judged from the orders that are written, from what
// the machines themselves have told of them, and from what they did; not from what a roll-out's
// state says of its nodes.
//
// What a server may not know yet is not held against it: what machines told counts from the start
// of the next round. Owned by one thread.

#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "api/object.h"
#include "api/selector.h"
#include "control/rollout/state.h"
#include "node/lifecycle.h"
#include "sim/context.h"

namespace hf::sim {

class RolloutChecks final {
public:
    explicit RolloutChecks(Context& context) : context_(context) {}

    // What people ask for; its writes may say less where a bug is planted.
    void asked(const std::string& name, const json::Value& spec);

    // What is committed to the store: Rollouts and Nodes.
    void written(const api::Object& object);
    void removed(std::string_view node);

    // The server has taken this status of the machine's.
    void told(const std::string& node, const json::Object& status);
    // A machine answers by that version from now on, by that wish.
    void activates(const std::string& node, const node::Wish& wish, const std::string& digest);

    void round_begins();
    void round_ends();  // and all that it decided is written

    // A backup is being restored: of roll-outs that began before, nobody can say what was ordered.
    void forget();
    void begin() { restoring_ = false; }

    // The version that a roll-out brought to the service last, and when.
    struct Success {
        std::string digest;
        Duration at{};
    };
    std::optional<Success> succeeded_last(const std::string& service) const {
        const auto found = succeeded_.find(service);
        return found == succeeded_.end() ? std::nullopt : std::optional(found->second);
    }

    // How many roll-outs came to each end, and orders that were looked at.
    struct Totals {
        std::uint64_t begun = 0, succeeded = 0, turned_back = 0, orders = 0;
        Totals& operator+=(const Totals& other) {
            begun += other.begun;
            succeeded += other.succeeded;
            turned_back += other.turned_back;
            orders += other.orders;
            return *this;
        }
    };
    const Totals& totals() const { return totals_; }

private:
    enum class Told : unsigned char { kNothing, kGood, kFailed };
    // One machine's order of one service.
    struct Seat {
        std::string digest;
        std::optional<control::rollout::Token> token;
        Told told = Told::kNothing;  // of this order
        Told seen = Told::kNothing;  // the same, when the round began
        bool answers = false;        // by any version, as its machine said last
    };
    struct Machine {
        api::Labels labels;
        std::map<std::string, Seat> seats;  // by service
        bool ready = false;
    };
    struct Book {
        std::string uid, name, service;
        control::rollout::RolloutSpec spec;  // as people asked for it last
        bool paused_at_round = false;
        std::string digest, from;
        std::int64_t stage = 0;
        std::int64_t stage_at_round = 0;  // when it began
        std::int64_t revision = 0;
        std::int64_t decided = -1;  // the revision that this round has written
        control::rollout::Phase phase = control::rollout::Phase::kPending;
        std::map<std::int64_t, std::set<std::string>> ordered;  // by stage
        std::map<std::int64_t, std::int64_t> matching;          // the most there were, by stage
        std::map<std::string, int> attempts;
        std::set<std::string> good;       // ever told so
        std::set<std::string> failed;     // known to a server for good
        std::set<std::string> failing;    // said to have, when the round began
        std::set<std::string> lost;       // ever not heard, or their order went away
        std::set<std::string> activated;  // ever
        std::optional<Duration> first_good;
    };
    struct Standing {
        std::int64_t failed = 0, good = 0, fleet = 0;
        std::int64_t under_way = 0;  // of machines that are heard
        std::int64_t out = 0;        // under way, or heard and not answering
        // Of those that are under way, what the revision of this round has ordered.
        std::vector<control::rollout::Token> of_this_step;
    };
    struct Stages {
        std::int64_t first, last;
    };

    void write_rollout(const api::Object& rollout);
    void write_node(const api::Object& node);
    void write_seats(const api::Object& node, Machine& machine);
    void count_matching(Book& book) const;
    void check_order(const std::string& node, const Seat& seat, Book& book);
    void check_limits(const std::string& node, const Seat& seat, Book& book);
    void check_proof(const Seat& seat, const Book& book);
    void check_abort_rules(const std::string& node, const Book& book);
    void check_disruption(const std::string& node, const Book& book);
    void check_parallel(const std::string& node, const Book& book);
    static Stages decided_in(const control::rollout::Token& order, const Book& book);
    Standing standing(const Book& book) const;
    std::int64_t limit_of(const Book& book, std::int64_t stage) const;
    const control::rollout::Stage& stage_of(const Book& book, std::int64_t stage) const {
        return book.spec.stages.at(static_cast<std::size_t>(stage));
    }

    Context& context_;
    std::map<std::string, json::Value> asked_;  // by name
    std::map<std::string, Book> books_;         // by uid
    std::set<std::string> unknown_;             // uids of which nothing can be said
    std::map<std::string, Machine> machines_;
    std::map<std::string, Success> succeeded_;  // by service
    bool restoring_ = false;
    Totals totals_;
};

}  // namespace hf::sim
