// Liveness: which machines are alive, from the heartbeats that come in. A machine is lost when none
// has come for a while, and found with the next one.
//
// A server that has just started, or was itself asleep, knows of nobody: it gives all a full term
// first. And where most machines fall silent at once (kSilentPercentMax), it is likely the server
// that is cut off: then none is declared lost for kStormPatience more, so that repair does not
// storm. While they come back one after the other, the others are waited for, up to kStormLongest:
// a server that takes up thousands of connections hears the last of them late.
//
// Pure: times are handed in, of a clock that only goes forward. Not thread-safe.

#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/time.h"

namespace hf::control {

inline constexpr Duration kNodeTerm = std::chrono::milliseconds(1500);
inline constexpr int kSilentPercentMax = 60;
inline constexpr std::size_t kSilentCountMin = 4;  // of fewer machines, all may be lost

// After a connection ended; and on top of a term when most are silent.
inline constexpr Duration kReconnectGrace = std::chrono::seconds(1);
inline constexpr Duration kStormPatience = std::chrono::seconds(5);
inline constexpr Duration kStormLongest = std::chrono::seconds(30);

class Liveness final {
public:
    explicit Liveness(Duration term = kNodeTerm) : term_(term) {}

    void heard(const std::string& node, Duration now);

    // Its connection ended: it has kReconnectGrace to come again, whatever the term.
    void parted(const std::string& node, Duration now);

    // Another server has waited a term for it.
    void silent(const std::string& node, Duration now);

    // Of large fleets, which are heard less often.
    void set_term(Duration term) { term_ = term; }

    struct Change {
        std::string node;
        bool alive = false;
        friend bool operator==(const Change&, const Change&) = default;
    };
    // The machines whose state differs from what was said of them last; `known` are those that
    // there are, with what is believed of each.
    std::vector<Change> update(const std::map<std::string, bool>& known, Duration now);

    // When update() may have news without another heartbeat.
    Duration next(Duration now) const;

private:
    bool is_storm(std::size_t known, Duration now);

    Duration term_;
    Duration last_update_{-1};
    Duration storm_since_{-1};
    Duration returned_{-1};  // when a silent one was heard last
    std::map<std::string, Duration> heard_;
    std::set<std::string> silent_;  // not heard for a term, or since this began or slept
};

}  // namespace hf::control
