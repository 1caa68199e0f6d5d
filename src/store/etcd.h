// The store of more than one server: etcd's v3 API (3.4 and later), spoken as JSON over HTTP to the
// gateway that every member has (docs/adr/0017). Any number of processes share it.
//
// Reads. A copy of all keys is held in memory and kept up to date by one watch (etcd/cache.h).
// get() asks etcd, list() asks it for the revision that it is at and answers from the copy once
// that has come so far: both show everything that was written before they began. Who decides by
// what was read compares in the commit: that alone counts.
//
// Writes. One Txn that compares modification revisions. Where the answer to one is lost, the store
// reads back what became of it and tries again if the transaction itself keeps it from happening
// twice; what cannot be known is DEADLINE_EXCEEDED.
//
// etcd away. After kReadPatience without an answer, reads are answered from the copy, staleness()
// says how old that is, and writes are UNAVAILABLE at once until a member answers again.
//
// Watches of this process hang on the copy; they end with OUT_OF_RANGE where etcd has forgotten
// what came between. Every few minutes the copy is compared with a list: a watch of etcd 3.4 may
// lose events.
//
// Leases are etcd's: whole seconds, 2 or more. They say that somebody lives, nothing else: an etcd
// whose leader changed may end one early or late. What must not happen twice compares.
//
// Threads: "hf-etcd-watch" feeds the copy and calls on_events, "hf-etcd-probe" asks how etcd is.
// A commit returns after the watches here have its events, or after kSettlePatience.

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "env/clock.h"
#include "store/etcd/address.h"
#include "store/store.h"

namespace hf::store {

struct EtcdOptions {
    EtcdAddress address;

    // PEM. With any of them, TLS; without, only an etcd on this machine is spoken to. The
    // certificate authenticates this server to etcd (--client-cert-auth).
    std::string ca_pem, certificate_pem, key_pem;
};

// UNAVAILABLE when no member answers, RESOURCE_EXHAUSTED when the store has more than memory is
// given to the copy (kMaxCopyBytes), INVALID_ARGUMENT for options that cannot be. REQUIRES: clock
// outlives the store; it is a real one.
Result<std::unique_ptr<Store>> open_etcd_store(EtcdOptions options, env::Clock& clock);

inline constexpr std::size_t kMaxCopyBytes = 1u << 30;

// For how long a commit waits for its own events to come back.
inline constexpr Duration kSettlePatience = std::chrono::seconds(1);

}  // namespace hf::store
