// Which replica a request goes to. The order of the reasons: residency (never a replica where the
// data may not lie), readiness, not ejected, not pressed, the caller's own site, and then the
// better of two drawn at random by latency x (requests under way + 1).
//
//   - The own site is left when its load is kSpillFactor times that of another.
//   - A replica whose ejection is over gets exactly one request, the probe.
//   - Panic: when all are ejected, the one ejected longest ago is tried. The last replica is thus
//     never given up.
//   - Retries and hedges are paid for from one budget a service (retry_budget.h).
//
// Pure: time, randomness and the table of routes are handed in; the same calls give the same
// choices. Not thread-safe: one owner. What is learnt of a replica belongs to a service, URL and
// epoch, and survives a new table that still has them.

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "base/status.h"
#include "base/time.h"
#include "serve/gateway/recent_latencies.h"
#include "serve/gateway/replica_state.h"
#include "serve/gateway/retry_budget.h"
#include "serve/gateway/route.h"

namespace hf::serve::gateway {

inline constexpr double kSpillFactor = 2.0;

// What is slow or broken, but can be reached, is ejected only while so many would remain. Without
// this, one replica that is out makes the next one slow, and so on to the last.
inline constexpr std::size_t kServingPercentMin = 50;

struct Want {
    std::string service = {};
    std::string site = {};                  // of the caller; empty: none is its own
    std::vector<std::string> exclude = {};  // URLs that this request went to before

    // Sites where a replica was silent for this request: a cable may be cut, and each of its
    // machines would have to be waited for. Asked last.
    std::vector<std::string> silent_sites = {};
    bool only_serving = false;  // neither probe nor panic: a request for comfort
    bool task = false;          // for what people have: who knows no tasks is asked last
};

// A request as it goes to one replica. Has begun with choose(), and must be reported once.
struct Choice {
    std::string service;
    Replica replica;
    Ticket ticket;
    std::uint64_t state_id = 0;  // of what was known of the replica then
    bool sole = false;           // no other replica could be asked instead
    bool no_tasks = false;       // the replica has said that it knows none
};

class Balancer final {
public:
    // Replaces the table by all of it that is sound. INVALID_ARGUMENT names what was left out.
    Status set_routes(std::vector<Route> routes);

    // The same for what usable_part() gave, whose checks take time. REQUIRES: that it did.
    void adopt(std::vector<Route> routes);

    // NOT_FOUND (names what there is), PERMISSION_DENIED (residency forbids every replica),
    // UNAVAILABLE (none is ready, or none is left); each says why of every replica.
    Result<Choice> choose(const Want& want, Instant now, Rng& rng);

    void report(const Choice& choice, const Outcome& outcome, Instant now);

    // Where a request that the version `digest` has answered is compared: a replica with the next
    // version, ready and serving, where the data may lie. Nothing where no comparison is on, and
    // for those that the draw spares.
    struct ShadowChoice {
        Replica replica;
        Shadow shadow;
    };
    std::optional<ShadowChoice> choose_shadow(std::string_view service, std::string_view digest,
                                              Instant now, Rng& rng) const;

    // A request came; it earns its share of the retries. Nothing for an unknown service.
    void count_request(std::string_view service);

    // Take what a second attempt costs; false when the budget does not allow it.
    bool spend_on_retry(std::string_view service);
    bool spend_on_hedge(std::string_view service);

    // The 95th percentile and the shortest of what recent answers took; nullopt when unknown.
    std::optional<Duration> p95(std::string_view service, Instant now) const;
    std::optional<Duration> fastest(std::string_view service, Instant now) const;

    struct ReplicaView {
        Replica replica;
        Health health = Health::kServing;
        std::size_t in_flight = 0;
        Duration latency{};
    };
    struct ServiceView {
        std::string service;
        std::vector<ReplicaView> replicas;
        std::uint64_t requests = 0;
        std::uint64_t retries = 0;
        std::uint64_t hedges = 0;
        std::uint64_t probes = 0;
        std::uint64_t panics = 0;
        std::uint64_t ejections = 0;
        std::int64_t retry_tokens = 0;
    };
    std::vector<ServiceView> view(Instant now) const;  // by name
    std::vector<std::string> services() const;

private:
    struct Entry {
        Replica replica;
        ReplicaState state;
        std::uint64_t state_id = 0;  // never given twice
    };
    struct Service {
        Residency residency;
        std::optional<Shadow> shadow;
        std::vector<Entry> entries;
        RetryBudget budget;
        RecentLatencies latencies;
        ServiceView counts;  // without its replicas
    };
    using Candidates = std::vector<Entry*>;

    // What one group of replicas offers: the one that is due for its probe, else the better of two.
    struct Offer {
        Entry* entry = nullptr;
        bool probe = false;
        bool pressed = false;
    };

    Result<Candidates> candidates(Service& service, const Want& want);
    static Offer offer(const Candidates& candidates, const Want& want, Instant now, Rng& rng);
    static void put_off_silent_sites(Candidates& candidates, const Want& want, Instant now);
    static void put_off_taskless(Candidates& candidates, Instant now);
    static Offer prefer(const Offer& near, const Offer& far, Instant now);
    static Entry* ejected_longest_ago(const Candidates& candidates, Instant now);
    static Choice begin(Service& service, const Want& want, const Offer& offer, Instant now);
    std::vector<Entry> entries(std::vector<Replica> replicas, const std::vector<Entry>& before);
    Status unknown(std::string_view service) const;
    static bool can_spare(const Service& service, Instant now);
    void eject_everywhere(const std::string& url, Instant now);
    Service* find(std::string_view service);
    const Service* find(std::string_view service) const;

    std::map<std::string, Service, std::less<>> services_;
    std::uint64_t states_made_ = 0;
};

}  // namespace hf::serve::gateway
