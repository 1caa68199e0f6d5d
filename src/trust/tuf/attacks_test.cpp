// The attack cases A17 to A30 of docs/reference/attacks.md: a repository that is taken over, or the
// way to it, against a client that holds on to what it has seen.

#include <functional>

#include <gtest/gtest.h>

#include "trust/tuf/fake_repository_test.h"
#include "trust/tuf/refusal.h"

namespace hf::trust::tuf {
namespace {

const Instant kNow = parse_rfc3339("2026-03-01T12:00:00Z").value();
constexpr auto kADay = std::chrono::hours(24);

struct Case {
    const char* name;
    std::string_view reason;
    std::function<void(FakeRepository&)> attack;  // on a repository at version 2 of everything
    Duration later = Duration::zero();
    bool forgets = false;  // new keys did not sign what is kept, so it no longer counts
};

std::vector<Case> root_cases() {
    return {
        {"A17 root below threshold", kThreshold,
         [](FakeRepository& r) {
             r.role("root")["threshold"] = 2;
             r.publish({"root"});
         }},
        {"A17 root of another's key", kThreshold,
         [](FakeRepository& r) {
             r.change_key("root", TestKey(66));
             r.publish({"root"});
         }},
        {"A18 skipped root version", kRootVersion,
         [](FakeRepository& r) {
             r.publish({"root", "root"});
             r.files["3.root.json"] = r.files["4.root.json"];
         }},
        {"A19 old root", kRootVersion,
         [](FakeRepository& r) { r.files["3.root.json"] = r.files["1.root.json"]; }},
        {"A28 one key id twice in a role", kDuplicateKey,
         [](FakeRepository& r) {
             r.role("root")["keyids"].as_array().emplace_back(r.signers("root")[0].id);
             r.publish({"root"});
         }},
        {"A28 one signature twice", kDuplicateKey,
         [](FakeRepository& r) {
             r.signers("timestamp").push_back(r.signers("timestamp")[0]);
             r.publish({"timestamp"});
         }},
        {"A28 one key under two ids", kThreshold,
         [](FakeRepository& r) {
             TestKey twin(2);
             twin.id = std::string(64, 'a');
             r.add_key("timestamp", twin);
             r.role("timestamp")["threshold"] = 2;
             r.publish({"root", "timestamp"});
         },
         Duration::zero(), true},
    };
}

std::vector<Case> freshness_cases() {
    return {
        {"A20 freeze: the old timestamp for ever", kExpired, [](FakeRepository&) {}, kADay},
        {"A20 a new timestamp that has ended", kExpired,
         [](FakeRepository& r) {
             r.content("timestamp")["expires"] = "2026-03-01T11:59:59Z";
             r.publish({"timestamp"});
         }},
        {"A20 a snapshot that has ended", kExpired,
         [](FakeRepository& r) {
             r.content("snapshot")["expires"] = "2026-03-01T12:00:00Z";
             r.publish({"snapshot", "timestamp"});
         }},
        {"A20 targets that have ended", kExpired,
         [](FakeRepository& r) {
             r.content("targets")["expires"] = "2026-03-01T12:00:00Z";
             r.publish({"targets", "snapshot", "timestamp"});
         }},
        {"A20 a root that has ended", kExpired,
         [](FakeRepository& r) {
             r.content("root")["expires"] = "2026-03-01T12:00:00Z";
             r.publish({"root"});
         }},
        {"A21 replayed timestamp", kRollback,
         [](FakeRepository& r) { r.files["timestamp.json"] = r.files["1.timestamp.json"]; }},
        {"A22 snapshot rollback", kRollback,
         [](FakeRepository& r) {
             r.content("snapshot")["version"] = 0;
             r.publish({"snapshot", "timestamp"});
         }},
        {"A22 a role that the snapshot no longer lists", kRollback,
         [](FakeRepository& r) {
             r.content("snapshot")["meta"].as_object().erase("a.json");
             r.publish({"snapshot", "timestamp"});
         }},
        {"A23 mix: an older snapshot under a new timestamp", kMixed,
         [](FakeRepository& r) {
             r.publish({"snapshot", "timestamp"});
             r.files["3.snapshot.json"] = r.files["2.snapshot.json"];
         }},
        {"A23 mix: older targets under a new snapshot", kMixed,
         [](FakeRepository& r) {
             r.publish({"targets", "snapshot", "timestamp"});
             r.files["3.targets.json"] = r.files["2.targets.json"];
         }},
        {"A24 target rollback", kRollback,
         [](FakeRepository& r) {
             r.content("targets")["version"] = 0;
             r.publish({"targets", "snapshot", "timestamp"});
         }},
    };
}

std::vector<Case> size_and_type_cases() {
    return {
        {"A26 endless root", kTooLarge,
         [](FakeRepository& r) { r.files["3.root.json"] = std::string(kMaxRootBytes + 1, ' '); }},
        {"A26 endless timestamp", kTooLarge,
         [](FakeRepository& r) {
             r.files["timestamp.json"] += std::string(kMaxTimestampBytes, ' ');
         }},
        {"A26 endless snapshot", kTooLarge,
         [](FakeRepository& r) {
             r.publish({"snapshot", "timestamp"});
             r.files["3.snapshot.json"] += ' ';
         }},
        {"A26 endless targets", kTooLarge,
         [](FakeRepository& r) {
             r.publish({"targets", "snapshot", "timestamp"});
             r.files["3.targets.json"] += ' ';
         }},
        {"a snapshot in the place of a timestamp", kWrongType,
         [](FakeRepository& r) {
             r.files["timestamp.json"] =
                 signed_metadata(r.content("snapshot"), r.signers("timestamp"));
         }},
    };
}

// A repository at version 2 of all, and a client that has seen it.
struct World {
    World() : repository(kNow) {
        client.kept["root"] = repository.files.at("1.root.json");
        repository.delegate("targets", "a", {"a/*"}, TestKey(20));
        repository.publish({"a", "root", "targets", "snapshot", "timestamp"});
        EXPECT_EQ(client.update(repository, kNow), Status());
    }

    FakeRepository repository;
    FakeClient client;
};

TEST(TufAttacks, A17ToA28EachIsRefusedForItsReason) {
    std::vector<Case> cases = root_cases();
    for (const auto& more : {freshness_cases(), size_and_type_cases()}) {
        cases.insert(cases.end(), more.begin(), more.end());
    }
    for (const Case& c : cases) {
        World world;
        c.attack(world.repository);
        const Status status = world.client.update(world.repository, kNow + c.later);
        EXPECT_EQ(reason_of(status), c.reason) << c.name << ": " << status.to_string();
        // What was seen is never lowered, and what is kept still stands.
        if (c.forgets) continue;
        for (const char* role : {"root", "timestamp", "snapshot", "targets"}) {
            EXPECT_GE(world.client.version(role), 2) << c.name;
        }
    }
}

TEST(TufAttacks, A20WhatHasEndedStaysKeptAndIsMadeGoodByANewOne) {
    World world;
    EXPECT_EQ(reason_of(world.client.update(world.repository, kNow + kADay)), kExpired);
    for (const char* role : {"root", "timestamp", "snapshot", "targets"}) {
        world.repository.content(role)["expires"] = "2026-03-09T12:00:00Z";
    }
    world.repository.publish({"root", "targets", "snapshot", "timestamp"});
    EXPECT_EQ(world.client.update(world.repository, kNow + kADay), Status());
}

TEST(TufAttacks, A25FastForwardIsRecoveredFromByNewKeys) {
    World world;
    // Whoever had the online keys drove all versions up.
    for (const char* role : {"targets", "snapshot", "timestamp"}) {
        world.repository.content(role)["version"] = 1'000'000;
    }
    world.repository.publish({"targets", "snapshot", "timestamp"});
    ASSERT_EQ(world.client.update(world.repository, kNow), Status());
    ASSERT_EQ(world.client.version("targets"), 1'000'001);
    // The owner goes on from where the fleet was; without new keys that is a roll-back.
    for (const char* role : {"targets", "snapshot", "timestamp"}) {
        world.repository.content(role)["version"] = 2;
    }
    world.repository.publish({"targets", "snapshot", "timestamp"});
    EXPECT_EQ(reason_of(world.client.update(world.repository, kNow)), kRollback);
    world.repository.change_key("snapshot", TestKey(70));
    world.repository.change_key("timestamp", TestKey(71));
    world.repository.publish({"root", "targets", "snapshot", "timestamp"});
    EXPECT_EQ(world.client.update(world.repository, kNow), Status());
    EXPECT_EQ(world.client.version("targets"), 4);
    EXPECT_EQ(world.client.version("snapshot"), 4);
    EXPECT_EQ(world.client.version("timestamp"), 4);
}

TEST(TufAttacks, A29ADelegationOutsideItsPathIsNotAsked) {
    World world;
    world.repository.add_target("a", "a/x", "good");
    world.repository.add_target("a", "b/x", "not its own");
    world.repository.publish({"a", "snapshot", "timestamp"});
    EXPECT_EQ(world.client.update(world.repository, kNow, {"a/x"}), Status());
    EXPECT_EQ(reason_of(world.client.update(world.repository, kNow, {"b/x"})), kNoTarget);
}

TEST(TufAttacks, A29ADelegationThatTheSnapshotDoesNotListIsRefused) {
    World world;
    world.repository.delegate("targets", "b", {"b/*"}, TestKey(21));
    world.repository.add_target("b", "b/x", "bytes");
    world.repository.publish({"b", "targets"});
    world.repository.content("snapshot")["meta"].as_object().erase("b.json");
    world.repository.publish({"snapshot", "timestamp"});
    EXPECT_EQ(reason_of(world.client.update(world.repository, kNow, {"b/x"})), kNotInSnapshot);
}

TEST(TufAttacks, A30ARoleIsVerifiedAnewForEachThatDelegatesToIt) {
    World world;
    FakeRepository& repository = world.repository;
    repository.delegate("targets", "team-a", {"team-a/*"}, TestKey(30));
    repository.delegate("targets", "team-b", {"team-b/*"}, TestKey(31));
    repository.delegate("team-a", "release", {"team-a/*"}, TestKey(32));
    repository.delegate("team-b", "release", {"team-b/*"}, TestKey(33));
    repository.signers("release").pop_back();  // signed as team A wants it, not as team B does
    repository.add_target("release", "team-a/x", "trusted");
    repository.add_target("release", "team-b/x", "not trusted");
    repository.publish({"release", "team-a", "team-b", "targets", "snapshot", "timestamp"});
    const Status status = world.client.update(repository, kNow, {"team-a/x", "team-b/x"});
    EXPECT_EQ(reason_of(status), kThreshold);
    EXPECT_EQ(world.client.found.size(), 1u);
    // Nor from the disk, in the next update.
    EXPECT_EQ(reason_of(world.client.update(repository, kNow, {"team-b/x"})), kThreshold);
}

}  // namespace
}  // namespace hf::trust::tuf
