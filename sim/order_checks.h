// What must be true of the orders that a server writes: epochs only grow, each time that a replica
// moves, and no machine is ordered to run what may not lie there; and of the numbers of replicas
// that it decides: they stay within their limits, and do not go down while a machine is silent.
// Every write of a Node and Service is looked at; the residency of all orders after every whole
// round.
//
// Owned by one thread.

#pragma once

#include <map>
#include <set>
#include <string>

#include "api/object.h"
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

    // What is committed to the store.
    void written(const api::Object& object);
    void removed(std::string_view key);

    // After a round that went well: against the services as they are.
    void look();

    // A backup is being restored: what was granted since then is not known any more, and what is
    // written until begin() was granted before.
    void forget();
    void begin() { restoring_ = false; }

private:
    struct Granted {
        std::int64_t epoch = 0;
        std::uint64_t round = 0;
    };
    using Seats = std::map<std::string, std::int64_t>;  // service's identity -> epoch
    struct Law {
        std::string name;
        json::Array only, never;
    };

    void check_seat(const std::string& node, const json::Value& order);
    void write_service(const api::Object& service);
    void check_scale(const api::Object& service);

    Context& context_;
    std::map<std::string, std::string> jurisdictions_;     // by node
    std::map<std::string, Granted> granted_;               // by service's identity: the highest
    std::map<std::string, Seats> seats_;                   // by node
    std::map<std::string, Law> laws_;                      // by service's identity
    std::map<std::string, std::int64_t> wanted_;           // of services that scale, by identity
    std::map<std::string, std::set<std::string>> silent_;  // identities of services, by node
    std::map<std::string, std::string> uids_;              // of services, by their key in the store
    std::uint64_t round_ = 0;
    bool restoring_ = false;
};

const json::Array& items_of(const json::Value& value, std::string_view key);
bool names(const json::Array& list, std::string_view text);

}  // namespace hf::sim
