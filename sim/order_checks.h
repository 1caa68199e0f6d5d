// What must be true of the orders that a server writes: epochs only grow, each time that a replica
// moves, and no machine is ordered to run what may not lie there. Every write of a Node is looked
// at; the residency of all orders after every whole round.
//
// Owned by one thread.

#pragma once

#include <map>
#include <string>

#include "resources/resources.h"
#include "sim/context.h"

namespace hf::sim {

class OrderChecks final {
public:
    explicit OrderChecks(Context& context) : context_(context) {}

    // Whose law really holds where the machine stands.
    void machine(const std::string& node, const std::string& jurisdiction) {
        jurisdictions_[node] = jurisdiction;
    }

    // A round begins: what it grants it may grant to several machines.
    void round_begins() { ++round_; }

    void written(const api::Object& node);
    void removed(const std::string& node) { seats_.erase(node); }

    // After a round that went well: against the services as they are.
    void look(resources::Resources& resources);

    // A backup was restored, with these Nodes: what was granted since then is not known any more.
    void start_from(const std::vector<api::Object>& nodes);

private:
    struct Granted {
        std::int64_t epoch = 0;
        std::uint64_t round = 0;
    };
    using Seats = std::map<std::string, std::int64_t>;  // service's identity -> epoch

    void check_seat(const std::string& node, const json::Value& order);

    Context& context_;
    std::map<std::string, std::string> jurisdictions_;  // by node
    std::map<std::string, Granted> granted_;            // by service's identity: the highest
    std::map<std::string, Seats> seats_;                // by node
    std::uint64_t round_ = 0;
};

const json::Array& items_of(const json::Value& value, std::string_view key);
bool names(const json::Array& list, std::string_view text);

}  // namespace hf::sim
