// Presence: how the server that leads learns of heartbeats that other servers hear. Each node is
// entered under "/heard/<node>" with the name of the server that it speaks to, on a lease of that
// server. The key is written when the node comes or changes servers, emptied when it has been
// silent for a term, so that the leader need not wait for one too, and removed when its server
// died: while nothing happens, nothing is written, however many nodes there are.
//
// PresenceTable is the decision, pure. Presence is its shell on thread "hf-presence", for servers
// that share a store. HeardElsewhere is what the leader reads.

#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "control/reconcile/liveness.h"
#include "env/clock.h"
#include "store/store.h"

namespace hf::control {

inline constexpr std::string_view kHeardPrefix = "/heard/";

inline constexpr Duration kPresenceBeat = std::chrono::milliseconds(250);
inline constexpr Duration kPresenceLease = std::chrono::seconds(3);
inline constexpr std::size_t kMaxPresenceBatch = 100;  // nodes written in one transaction

// Who hears a node, as the store says.
struct HeardBy {
    std::string server;  // empty: nobody, says who heard it last
    store::Revision at;
};

class PresenceTable final {
public:
    PresenceTable(std::string server, Duration term) : server_(std::move(server)), term_(term) {}

    void heard(const std::string& node, Duration now);

    // Its connection ended: it has kReconnectGrace to come again, whatever the term.
    void parted(const std::string& node, Duration now);

    struct Changes {
        std::vector<std::string> enter;
        std::vector<store::Compare> silent;  // by key, as they were seen
    };
    // A node belongs to the server that has heard it since it looked last: when one changes
    // servers, the old one may claim it once more, and the new one has it for good.
    Changes changes(const std::map<std::string, HeardBy>& seen, Duration now);

    // Nothing was heard, so nothing can be there.
    bool idle() const { return heard_.empty(); }

private:
    const std::string server_;
    const Duration term_;
    Duration last_{-1};
    std::map<std::string, Duration> heard_;
};

// What lies under kHeardPrefix.
Result<std::map<std::string, HeardBy>> read_heard(store::Store& store);

class Presence {
public:
    virtual ~Presence() = default;

    // Destruction gives the lease up: all nodes heard here leave. REQUIRES: store and clock outlive
    // it.
    static std::unique_ptr<Presence> start(store::Store& store, env::Clock& clock,
                                           std::string server, Duration term = kNodeTerm);

    // From any thread.
    virtual void heard(const std::string& node) = 0;
    virtual void parted(const std::string& node) = 0;
};

// The nodes that other servers hear. Owned by one thread; `on_events` is called from any.
class HeardElsewhere final {
public:
    HeardElsewhere(store::Store& store, std::string server, std::function<void()> on_events);

    struct News {
        std::set<std::string> heard;
        std::set<std::string> silent;  // were heard at the last update, and have been silent
    };
    Result<News> update();

private:
    store::Store& store_;
    const std::string server_;
    const std::function<void()> on_events_;
    std::unique_ptr<store::Watch> watch_;  // only wakes
    std::set<std::string> last_;           // heard
};

}  // namespace hf::control
