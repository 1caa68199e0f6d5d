// Machine: one node of a simulated world: the node agent's real brain, mail and outbox on a disk in
// memory, with a wall clock that may be wrong, and steps that take time and end as the models' and
// the dice's properties say. Its process can be killed at any event and at any change of its disk.
//
// Owned by one thread.

#pragma once

#include <deque>
#include <memory>

#include "node/brain.h"
#include "sim/network.h"
#include "sim/node_checks.h"
#include "sim/server.h"
#include "testing/memory_files.h"

namespace hf::sim {

class Machine final {
public:
    struct Place {
        std::string name;
        std::string site;
        std::string jurisdiction;
    };
    struct World {
        Context& context;
        Network& network;
        Server& server;
    };
    Machine(const World& world, Place place);

    const Place& place() const { return place_; }

    void boot();
    void kill(bool power);
    void boot_within(Duration most);
    bool is_up() const { return process_ != nullptr; }
    void jump_clock(Duration by) { offset_ += by; }
    void trouble_disk(bool fill);  // some changes later: full for one, or the process dies in it

    // Its connections broke.
    void disconnect();

    // REQUIRES: is_up().
    const node::Brain& brain() const { return process_->brain; }
    const std::map<std::string, std::string>& answers() const { return process_->answers; }
    node::MailAccount account() const { return process_->mail.account(); }
    NodeChecks& checks() { return checks_; }
    const NodeChecks& checks() const { return checks_; }

    // The control plane's state is older than what it has followed, as it said last.
    bool refuses_orders() const { return refuses_orders_; }

    // By its wall clock.
    Instant now() const { return context_.time.now() + offset_; }

private:
    struct Candidate {
        std::string digest;
        bool compiled = false;
    };
    // What callers have asked of a version since it answers.
    struct Load {
        Duration begun{};
        std::uint64_t requests = 0;
    };
    // What a service is asked here, since its version answers.
    struct Asked {
        Duration until{};
        node::Traffic traffic;
    };
    struct Process {
        std::unique_ptr<node::Outbox> outbox;
        node::Mail mail;
        node::Brain brain;
        node::Brain::Input input;
        std::deque<node::Action> work;
        std::map<std::string, Candidate> candidates;  // by service
        std::map<std::string, std::string> answers;   // service -> digest
        std::map<std::string, Load> loads;            // by service
        std::map<std::string, Asked> asked = {};      // by service
        bool measuring = false;
        bool busy = false;
        bool sending = false;
        Rng watch_rng;
        int watch_failures = 0;
        std::uint64_t stream = 0;  // the connection that news come by; 0: none
    };

    void later(Duration delay, std::function<void()> what);  // unless the process died meanwhile
    bool died();
    void settle_within(Duration delay);

    void think_within(Duration delay);
    void think();
    void carry_out(node::Effects effects);
    void work();
    void finish(const node::Action& action);
    Status perform(const node::Action& action, std::string& digest);
    Status pull(const node::Action& action);
    Status activate(const node::Action& action);
    void crash(const node::Action& action);
    void measure_within(Duration delay);
    void measure();
    void measure_load();

    void post_within(Duration delay);
    void post(bool due);
    void settle(const std::shared_ptr<node::Mail::Outgoing>& outgoing, const Status& sent);
    Status deliver(const node::Mail::Outgoing& outgoing);

    void connect();
    void watch();
    void news(const api::Object* node);
    void lose_stream(const Status& why);

    Context& context_;
    Network& network_;
    Server& server_;
    const Place place_;
    NodeChecks checks_;
    testing::MemoryFiles files_;
    std::set<std::string> vault_;         // digests that are on the disk
    std::map<std::string, int> crashes_;  // of versions that take the process down, by digest
    std::uint64_t dies_at_;               // of the disk's changes
    Duration offset_{};                   // of its wall clock
    bool refuses_orders_ = false;
    std::deque<api::Object> old_;  // earlier states of its Node
    std::uint64_t life_ = 0;
    std::uint64_t last_stream_ = 0;
    std::uint64_t think_ticket_ = 0;
    std::uint64_t post_ticket_ = 0;
    Duration think_due_{};
    Duration arrives_{};  // the last news that is on its way

    std::unique_ptr<Process> process_;
};

}  // namespace hf::sim
