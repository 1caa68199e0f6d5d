// HTTP clients that wait for their next request, by replica: an http::Client serves one request at
// a time and keeps its connection alive in between.
//
// Thread-safety: all methods from any thread. How many clients are in use is bounded by who takes
// them (a thread each); how many wait, by kIdleClientsMax a replica and kIdleAgeMax.

#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/mutex.h"
#include "base/time.h"
#include "http/client.h"
#include "serve/gateway/route.h"

namespace hf::serve::gateway {

inline constexpr std::size_t kIdleClientsMax = 32;                 // of one replica
inline constexpr Duration kIdleAgeMax = std::chrono::seconds(60);  // below a server's 75 s

// So long a client is used again; then another is made, with the certificates of that day.
inline constexpr Duration kClientLife = std::chrono::hours(1);

// To connect and to shake hands, each: short while another replica could be asked, so that traffic
// moves within half a second, longer where there is none.
inline constexpr Duration kConnectTimeout = std::chrono::milliseconds(300);
inline constexpr Duration kConnectTimeoutPatient = std::chrono::seconds(2);
inline constexpr Duration kAcknowledgeTimeout = std::chrono::seconds(1);  // a segment may be lost

using ClientOptionsOf = std::function<http::ClientOptions(const Replica&)>;

class ClientPool final {
public:
    // `options` is asked for each new client, from any thread; null: the defaults. Its connect and
    // read time-outs and redirects_max are the pool's to say. `silence_max`: for the next bytes.
    ClientPool(ClientOptionsOf options, Duration silence_max);

    struct Lease {
        std::unique_ptr<http::Client> client;
        bool used = false;  // its connection may have ended without its knowing
        bool patient = false;
        Instant made{};
    };

    // A client that waits, or a new one.
    Result<Lease> take(const Replica& replica, bool patient, Instant now);
    Result<Lease> make(const Replica& replica, bool patient, Instant now) const;

    // After an answer. What failed is not given back.
    void give_back(const Replica& replica, Lease lease, Instant now);

    // The connections of a replica that one of them failed on are not to be believed.
    void forget(const Replica& replica);

    // Clients of other URLs than these go.
    void keep_only(const std::set<std::string>& urls);

private:
    struct Idle {
        std::unique_ptr<http::Client> client;
        Instant since{};
        Instant made{};
    };
    using Key = std::pair<std::string, bool>;  // URL; patient

    // Clients that waited for too long go to `old`.
    std::optional<Lease> take_idle(const Key& key, Instant now, std::deque<Idle>& old)
        HF_REQUIRES(mutex_);

    const ClientOptionsOf options_;
    const Duration silence_max_;
    Mutex mutex_;
    std::map<Key, std::deque<Idle>> idle_ HF_GUARDED_BY(mutex_);  // the one used last comes last
};

}  // namespace hf::serve::gateway
