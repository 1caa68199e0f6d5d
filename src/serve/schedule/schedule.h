// Schedule: which of the waiting inferences run next, together or alone, and which are turned away.
//
// - Places: so many runs are under way at a time, of all models; of one model no more than its lane
//   allows.
// - Work-conserving: nothing that may run waits while there is a place. What has come while all
//   were taken runs as one batch, where that is cheaper (latency_profile.h): the window is as long
//   as what ran before, and none when the server is idle.
// - Within a model, by priority (1 first), then in order of arrival. Between models, whoever has
//   had the least of the time is next, so that one with many requests does not starve the others
//   (start-time fair queueing; Goyal, Vin and Cheng, 1996).
// - Turned away at once, rather than late: what would find more than `queued_max` of its model
//   waiting, and what could not start by its own deadline.
//
// Pure. Times are monotonic and handed in. One thread at a time.

#pragma once

#include <cstdint>
#include <limits>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/named.h"
#include "base/status.h"
#include "base/time.h"
#include "serve/schedule/latency_profile.h"

namespace hf::serve {

using LaneId = Named<struct LaneIdTag, std::uint64_t>;  // one version of a model
using JobId = Named<struct JobIdTag, std::uint64_t>;

// The same as no priority: behind 1, 2, ... 999 and before greater numbers.
inline constexpr std::uint64_t kPriorityNormal = 1000;

// How large a job is, and with whom it may run.
struct Size {
    std::uint64_t rows = 1;
    std::string kind = {};        // jobs of the same kind may run as one; empty: it runs alone
    std::uint64_t rows_most = 1;  // of a batch of that kind, if it is not larger by itself
};

// What a request asks of the schedule.
struct Terms {
    std::uint64_t priority = kPriorityNormal;
    Duration start_by = Duration::max();  // when it is of no use to begin any more
    Duration patience = Duration::max();  // or how long after it has been admitted
};

inline constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

struct LaneOptions {
    // Batches of its jobs may have any size; else those of one row, until they are prepared.
    bool prepared = true;
    std::size_t most = kNoLimit;  // runs under way at a time
};

class Schedule final {
public:
    struct Options {
        std::size_t places = 2;
        std::size_t queued_max = 1000;                        // of each model
        Duration batch_most = std::chrono::milliseconds(50);  // that a batch may take
    };
    struct Pick {
        LaneId lane;
        std::vector<JobId> jobs;  // at least one; of one lane and of one kind
        std::uint64_t rows = 0;
        Duration expected{};

        // So many rows would be tried, if prepared() had been called for them; 0: none.
        std::uint64_t unprepared = 0;
    };

    explicit Schedule(Options options) : options_(options) {}

    LaneId add_lane(LaneOptions options = {});
    void prepared(LaneId lane, std::uint64_t rows);
    void unprepared(LaneId lane);  // what was, is not any more

    // From now on; what runs goes on. REQUIRES: most > 0.
    void limit(LaneId lane, std::size_t most);

    // REQUIRES: none of its jobs waits or runs.
    void remove_lane(LaneId lane);

    // RESOURCE_EXHAUSTED says what there is too much of; DEADLINE_EXCEEDED when start_by is over.
    Result<JobId> admit(LaneId lane, Terms terms, Size size, Duration now);

    // The jobs whose start_by came before a place was free. They are out.
    std::vector<JobId> take_late(Duration now);

    // Takes a place, when there is one and something waits that may run.
    std::optional<Pick> next();

    // Gives the place back. `rows`: that ran, in `took`; none when all were given up.
    void done(const Pick& pick, std::uint64_t rows, Duration took);

    std::size_t waiting(LaneId lane) const;

    // How long what waits for the model will take: when to come again.
    Duration backlog(LaneId lane) const;

private:
    struct Waiting {
        JobId job;
        Terms terms;
        Size size;
    };
    struct Lane {
        std::list<Waiting> waiting;  // the next first
        std::uint64_t rows = 0;      // of these
        std::size_t hurried = 0;     // those of them that have a start_by
        LatencyProfile profile;
        std::size_t running = 0;
        std::size_t most = kNoLimit;  // that run at a time
        double used = 0;              // seconds of places, as far as fairness counts them
        std::uint64_t picks = 0;
    };

    bool may_run(const Lane& lane) const;
    bool is_someone_next() const;
    Status check_start(const Lane& lane, const Terms& terms, Duration now) const;
    Duration backlog(const Lane& lane) const;
    Pick pick_from(LaneId id, Lane& lane) const;
    static std::list<Waiting>::iterator take_out(Lane& lane, std::list<Waiting>::iterator at);
    void note_idle(LaneId id);

    const Options options_;
    std::map<LaneId, Lane> lanes_;
    std::set<LaneId> busy_;  // in which something waits
    LaneId last_lane_;
    JobId last_job_;
    std::size_t running_ = 0;
    double turn_ = 0;  // `used` of the lane that was picked last: where idle ones join in
};

}  // namespace hf::serve
