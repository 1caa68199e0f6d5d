// Signals: how much each service is asked, put together from what the machines that are ordered to
// run it say in the status of their Nodes (node/load.h).
//
// What is not known is not taken for nothing. A machine is silent about a service when it is lost,
// has reported nothing since its order, says no load, or has not written its status for kLoadTerm.
// A machine that reports no load because no version answers there is asked nothing, and that is
// known.
//
// Pure; times of LoadAges are handed in, of a clock that only goes forward.

#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "api/object.h"
#include "base/time.h"

namespace hf::control::scale {

// Machines write their status every thirty seconds, whatever happens.
inline constexpr Duration kLoadTerm = std::chrono::seconds(100);

struct Signals {
    std::int64_t seats = 0;              // machines that are ordered to run it
    std::int64_t answering = 0;          // of these, those that answer and say their load
    std::int64_t concurrency_milli = 0;  // requests under way and waiting, of all these
    Duration queue{};                    // that one of their requests waited, on the average
    std::vector<std::string> silent;     // machines, by name
    friend bool operator==(const Signals&, const Signals&) = default;
};

// When each machine's status last changed. After a change of the leader it is as if all just had.
class LoadAges final {
public:
    void note(const std::map<std::string, api::Object>& nodes, Duration now);

    // Machines whose status is older than kLoadTerm.
    std::set<std::string> old(Duration now) const;

private:
    struct Seen {
        std::string heartbeat;  // status.heartbeatTime, by the machine's clock
        Duration since{};
    };
    std::map<std::string, Seen> seen_;
};

// Of each of `services` ("namespace/name"). `old`: machines whose word is too old to count.
std::map<std::string, Signals> read_signals(const std::set<std::string>& services,
                                            const std::map<std::string, api::Object>& nodes,
                                            const std::set<std::string>& old);

}  // namespace hf::control::scale
