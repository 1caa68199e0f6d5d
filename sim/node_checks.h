// What must be true of one machine, whatever happens to it, judged from what it does: nothing runs
// there that was not verified, nothing that may not lie there; what answers keeps answering; what
// was refused is not tried again; orders do not go back; the outbox accounts for every event.
//
// Each look is told what happened, and compares it with what it knows itself. Owned by one thread.

#pragma once

#include <map>
#include <set>
#include <string>

#include "node/brain.h"
#include "sim/context.h"

namespace hf::sim {

class NodeChecks final {
public:
    NodeChecks(Context& context, std::string name, std::string jurisdiction)
        : context_(context), name_(std::move(name)), jurisdiction_(std::move(jurisdiction)) {}

    // The process starts with this on its disk.
    void boots(const node::Memory& memory);
    void dies();

    void follows(const node::Desired& desired);
    void asks(const node::Action& action, const node::Brain& brain);  // the brain, of the worker
    void runs(const node::Action& action, bool going_back);
    // The brain asks for a step of the slot, by a clock that shows `now`.
    void changes(const node::Action& action, const node::Slot& slot, Instant now);
    // `counts`: it is still wished for.
    void done(const node::Action& action, const Status& status, bool counts);
    void activates(const node::Wish& wish, const std::string& digest);
    // The machine goes back from the version that answers, which was on trial.
    void fails_trial(const std::string& service);
    // The disk took all that the brain remembers.
    void kept_memory();

    // Whether the process ended twice while the version was on trial.
    bool gave_up(const std::string& service, const std::string& digest) const {
        return gave_up_.contains({service, digest});
    }

    // Nothing has disturbed the process for a while: what answered before it started does again.
    void settles(const node::Brain& brain);

    // There is nothing to do: what answers is what shall.
    void idles(const node::Brain& brain, const std::map<std::string, std::string>& answers);

    void told(const Status& kept) { kept_ += kept.ok(); }
    void delivered(std::uint64_t sequence) { delivered_.insert(sequence); }
    void refused(std::uint64_t sequence) { delivered_.insert(sequence); }
    void acknowledged(std::uint64_t sequence);
    void account(const node::MailAccount& account);
    void all_said(const node::MailAccount& account);

private:
    struct Tried {
        std::string service, digest, policy_version, device;
        friend auto operator<=>(const Tried&, const Tried&) = default;
    };
    void count_boot(const std::string& service, const node::Trial& trial);
    bool is_wanted(const node::Desired& desired, const std::string& service) const;
    static Tried tried(const node::Action& action) {
        return {action.service, action.digest, action.wish.policy_version, action.wish.device};
    }

    Context& context_;
    const std::string name_;
    const std::string jurisdiction_;
    std::string uid_;                        // of the Node that is followed
    std::int64_t generation_ = 0;            // of its orders
    std::map<std::string, Tried> verified_;  // by service: what passed last
    std::map<std::string, Tried> reproduced_;
    std::map<std::string, Tried> activated_;
    std::set<Tried> refused_;
    std::set<Tried> kept_refused_;  // those that the disk has
    struct TrialBoots {
        std::string digest;
        int boots = 0;
    };
    std::map<std::string, TrialBoots> trial_boots_;  // starts that the disk knows of, by service
    bool kept_since_boot_ = false;
    std::set<std::pair<std::string, std::string>> gave_up_;
    std::map<std::string, node::Wish> expected_;  // answered before the restart
    std::set<std::string> answered_;              // since
    node::Desired last_, before_;                 // what was followed after the last two steps
    std::set<std::uint64_t> delivered_;
    std::uint64_t kept_ = 0;  // events that the outbox took
};

}  // namespace hf::sim
