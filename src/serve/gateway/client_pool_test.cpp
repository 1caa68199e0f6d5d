#include "serve/gateway/client_pool.h"

#include <gtest/gtest.h>

#include "serve/gateway/replicas_test.h"

namespace hf::serve::gateway {
namespace {

using namespace std::chrono_literals;

constexpr Instant kStart{1'000'000s};

struct Pool {
    int made = 0;
    ClientPool pool{[this](const Replica&) {
                        ++made;
                        return http::ClientOptions();
                    },
                    1s};
    Instant now = kStart;

    ClientPool::Lease take(const Replica& replica, bool patient = false) {
        Result<ClientPool::Lease> lease = pool.take(replica, patient, now);
        HF_CHECK(lease.ok(), "{}", lease.status().to_string());
        return std::move(*lease);
    }
};

TEST(ClientPool, AClientIsUsedAgainWhileItIsYoungAndItsReplicaIsTheSame) {
    const Replica a = replica_at(9000, "a");
    const Replica b = replica_at(9001, "b");
    Pool pool;
    pool.pool.give_back(a, pool.take(a), pool.now);
    EXPECT_TRUE(pool.take(a).used);
    EXPECT_FALSE(pool.take(a).used) << "one request at a time";
    EXPECT_EQ(pool.made, 2);
    pool.pool.give_back(a, pool.take(a), pool.now);
    EXPECT_FALSE(pool.take(b).used);
    pool.now += kIdleAgeMax;
    EXPECT_TRUE(pool.take(a).used);
    pool.pool.give_back(a, pool.take(a), pool.now);
    pool.now += kIdleAgeMax + 1ns;
    EXPECT_FALSE(pool.take(a).used) << "it waited for too long";
    ClientPool::Lease old = pool.take(a);
    pool.now += kClientLife;
    pool.pool.give_back(a, std::move(old), pool.now);
    EXPECT_FALSE(pool.take(a).used) << "its certificates may be of yesterday";
}

TEST(ClientPool, ThePatientTakeAnyConnectionTheHastyTheirOwn) {
    const Replica a = replica_at(9000, "a");
    Pool pool;
    pool.pool.give_back(a, pool.take(a, true), pool.now);
    EXPECT_FALSE(pool.take(a, false).used);
    EXPECT_TRUE(pool.take(a, true).used);
    pool.pool.give_back(a, pool.take(a, false), pool.now);
    ClientPool::Lease lease = pool.take(a, true);
    EXPECT_TRUE(lease.used);
    EXPECT_FALSE(lease.patient) << "it goes back to where it came from";
}

TEST(ClientPool, WhatIsForgottenOrSurplusIsGone) {
    const Replica a = replica_at(9000, "a");
    const Replica b = replica_at(9001, "b");
    Pool pool;
    for (const Replica& replica : {a, b}) {
        pool.pool.give_back(replica, pool.take(replica), pool.now);
        pool.pool.give_back(replica, pool.take(replica, true), pool.now);
    }
    pool.pool.forget(a);
    EXPECT_FALSE(pool.take(a, true).used);
    EXPECT_TRUE(pool.take(b).used);
    pool.pool.give_back(b, pool.take(b), pool.now);
    pool.pool.keep_only({a.url});
    EXPECT_FALSE(pool.take(b, true).used);
    std::vector<ClientPool::Lease> many;
    for (std::size_t i = 0; i < kIdleClientsMax + 5; ++i) many.push_back(pool.take(a));
    for (ClientPool::Lease& lease : many) pool.pool.give_back(a, std::move(lease), pool.now);
    std::size_t used = 0;
    while (pool.take(a).used) ++used;
    EXPECT_EQ(used, kIdleClientsMax);
}

TEST(ClientPool, AClientThatCannotBeMadeIsAnError) {
    ClientPool pool(
        [](const Replica&) {
            http::ClientOptions options;
            options.ca_pem = "no certificate";
            return options;
        },
        1s);
    EXPECT_FALSE(pool.take(replica_at(9000, "a"), false, kStart).ok());
}

}  // namespace
}  // namespace hf::serve::gateway
