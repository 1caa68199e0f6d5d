#include "trust/tuf/update.h"

#include <gtest/gtest.h>

#include "trust/tuf/canonical.h"
#include "trust/tuf/fake_repository_test.h"
#include "trust/tuf/refusal.h"

namespace hf::trust::tuf {
namespace {

using Names = std::vector<std::string>;

const Instant kNow = parse_rfc3339("2026-03-01T12:00:00Z").value();

FakeClient client_of(const FakeRepository& repository) {
    FakeClient client;
    client.kept["root"] = repository.files.at("1.root.json");
    return client;
}

TEST(TufCanonical, OnlyQuotesAndBackslashesAreEscapedAndNamesAreSorted) {
    const json::Value value =
        json::parse(R"({"b":[1,-2,true,null],"a":"x\n\"\\\u00e9","A":{}})").value();
    EXPECT_EQ(canonical_json(value).value(),
              "{\"A\":{},\"a\":\"x\n\\\"\\\\\xc3\xa9\",\"b\":[1,-2,true,null]}");
    EXPECT_EQ(canonical_json(json::parse("[1.5]").value()).status().code(), Code::kInvalidArgument);
}

TEST(TufUpdate, AsksForRootTimestampSnapshotAndTargetsInThatOrder) {
    const FakeRepository repository(kNow);
    FakeClient client = client_of(repository);
    EXPECT_EQ(client.update(repository, kNow), Status());
    EXPECT_EQ(client.requests,
              (Names{"2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"}));
    for (const char* role : {"root", "timestamp", "snapshot", "targets"}) {
        EXPECT_EQ(client.kept[role], repository.files.at(std::string(role) + ".json")) << role;
    }
}

TEST(TufUpdate, WhatIsKeptIsNotAskedForAgain) {
    const FakeRepository repository(kNow);
    FakeClient client = client_of(repository);
    ASSERT_EQ(client.update(repository, kNow), Status());
    EXPECT_EQ(client.update(repository, kNow), Status());
    EXPECT_EQ(client.requests, (Names{"2.root.json", "timestamp.json"}));
}

TEST(TufUpdate, AMissingFileIsRefusedAndWhatWasVerifiedBeforeItStays) {
    FakeRepository repository(kNow);
    FakeClient client = client_of(repository);
    ASSERT_EQ(client.update(repository, kNow), Status());
    repository.publish({"snapshot", "timestamp"});
    repository.files.erase("2.snapshot.json");
    EXPECT_EQ(reason_of(client.update(repository, kNow)), kMissing);
    EXPECT_EQ(client.version("timestamp"), 2);
    EXPECT_EQ(client.version("snapshot"), 1);
}

TEST(TufUpdate, RootsAreFollowedOneByOneAndEachIsKept) {
    FakeRepository repository(kNow);
    FakeClient client = client_of(repository);
    const TestKey old = repository.signers("root")[0];
    repository.change_key("root", TestKey(50));
    repository.signers("root").push_back(old);  // the old key hands over to the new one
    repository.publish({"root"});
    repository.signers("root").pop_back();
    repository.publish({"root"});
    EXPECT_EQ(client.update(repository, kNow), Status());
    EXPECT_EQ(client.version("root"), 3);
}

TEST(TufUpdate, AnEndlessChainOfRootsEndsAndGoesOnNextTime) {
    FakeRepository repository(kNow);
    FakeClient client = client_of(repository);
    for (int i = 0; i <= kMaxRootsAnUpdate; ++i) repository.publish({"root"});
    EXPECT_EQ(reason_of(client.update(repository, kNow)), kTooManyRoots);
    EXPECT_EQ(client.version("root"), 1 + kMaxRootsAnUpdate);
    EXPECT_EQ(client.update(repository, kNow), Status());
    EXPECT_EQ(client.version("root"), 2 + kMaxRootsAnUpdate);
}

TEST(TufUpdate, RolesBelowAreAskedInTheOrderOfTheirDelegations) {
    FakeRepository repository(kNow);
    repository.delegate("targets", "a", {"*"}, TestKey(20));
    repository.delegate("targets", "b", {"*"}, TestKey(21));
    repository.delegate("a", "c", {"*"}, TestKey(22));
    repository.delegate("b", "a", {"*"}, TestKey(20));
    repository.publish({"a", "b", "c", "targets", "snapshot", "timestamp"});
    FakeClient client = client_of(repository);
    EXPECT_EQ(reason_of(client.update(repository, kNow, {"x"})), kNoTarget);
    EXPECT_EQ(Names(client.requests.begin() + 4, client.requests.end()),
              (Names{"1.a.json", "1.c.json", "1.b.json"}));
}

TEST(TufUpdate, ATerminatingDelegationEndsTheSearch) {
    FakeRepository repository(kNow);
    repository.delegate("targets", "a", {"*"}, TestKey(20));
    repository.content("targets")["delegations"]
        .at("roles")
        .as_array()[0]
        .as_object()["terminating"] = true;
    repository.delegate("targets", "b", {"*"}, TestKey(21));
    repository.add_target("b", "x", "bytes");
    repository.publish({"a", "b", "targets", "snapshot", "timestamp"});
    FakeClient client = client_of(repository);
    EXPECT_EQ(reason_of(client.update(repository, kNow, {"x"})), kNoTarget);
    EXPECT_EQ(client.requests.back(), "1.a.json");
}

TEST(TufUpdate, ASearchThroughTooManyRolesIsRefused) {
    FakeRepository repository(kNow);
    Names names{"targets"};
    for (std::size_t i = 0; i <= kMaxRolesASearch; ++i) {
        names.push_back(fmt::format("r{}", i));
        repository.delegate(names[i], names[i + 1], {"*"}, TestKey(20));
    }
    std::reverse(names.begin(), names.end());
    repository.publish(names);
    repository.publish({"snapshot", "timestamp"});
    FakeClient client = client_of(repository);
    EXPECT_EQ(reason_of(client.update(repository, kNow, {"x"})), kTooManyRoles);
}

TEST(TufUpdate, NamesOfRolesStayOnePartOfAPath) {
    for (const char* role : {"targets", "../a b", "?", "%2F", "\xc3\xa9"}) {
        EXPECT_EQ(role_of_file(Request{role, std::nullopt, 1}.file_name()), role);
    }
    for (const char* name : {"targets", "a%2.json", "a%zz.json", "a%2f.json", ".json", "a b.json"})
        EXPECT_EQ(role_of_file(name), std::nullopt) << name;
    EXPECT_EQ((Request{"../a b", 3, 1}.file_name()), "3...%2Fa%20b.json");
    EXPECT_EQ((Request{"timestamp", std::nullopt, 1}.file_name()), "timestamp.json");
}

TEST(TufDelegation, PatternsDoNotReachAcrossSlashes) {
    struct Case {
        std::string pattern;
        std::string target;
        bool covered;
    };
    const std::vector<Case> cases{
        {"*", "x", true},
        {"*", "a/x", false},
        {"pump/*", "pump/v1", true},
        {"pump/*", "pumps/v1", false},
        {"pump/*", "pump/a/v1", false},
        {"foo-?.tgz", "foo-1.tgz", true},
        {"foo-?.tgz", "foo-12.tgz", false},
        {"*a*b", "xaybzb", true},
        {"*a*b", "xayc", false},
        {"README.md", "README.MD", false},
        {"[ab]", "a", false},
        {"", "", true},
    };
    for (const Case& c : cases) {
        Delegation delegation;
        delegation.paths = {c.pattern};
        EXPECT_EQ(covers(delegation, c.target), c.covered) << c.pattern << " " << c.target;
    }
}

TEST(TufDelegation, HashPrefixesAreOfThePath) {
    Delegation delegation;
    // SHA-256 of "pump/v1" begins so.
    const std::string hash = crypto::sha256(as_bytes("pump/v1")).hex();
    delegation.hash_prefixes = {hash.substr(0, 3)};
    EXPECT_TRUE(covers(delegation, "pump/v1"));
    delegation.hash_prefixes = {hash.substr(0, 2) + (hash[2] == '0' ? "1" : "0")};
    EXPECT_FALSE(covers(delegation, "pump/v1"));
    delegation.hash_prefixes = {""};
    EXPECT_FALSE(covers(delegation, "pump/v1"));
}

TEST(TufMetadata, WhatIsNotOfTheFormIsRefusedWithoutACrash) {
    const FakeRepository repository(kNow);
    const std::string good = repository.files.at("1.root.json");
    ASSERT_TRUE(read_root(read_envelope(good, kMaxRootBytes).value()).ok());
    for (std::size_t size = 0; size < good.size(); ++size) {
        EXPECT_EQ(reason_of(read_envelope(good.substr(0, size), kMaxRootBytes).status()),
                  kBadFormat);
    }
    const auto changed = [&](std::string_view from, std::string_view to) {
        std::string text = good;
        const std::size_t at = text.find(from);
        EXPECT_NE(at, std::string::npos) << from;
        text.replace(at, from.size(), to);
        const Result<Envelope> envelope = read_envelope(text, kMaxRootBytes);
        return reason_of(envelope.ok() ? read_root(*envelope).status() : envelope.status());
    };
    EXPECT_EQ(changed("\"threshold\":1", "\"threshold\":0"), kBadFormat);
    EXPECT_EQ(changed("\"threshold\":1", "\"threshold\":1.0"), kBadFormat);
    EXPECT_EQ(changed("\"version\":1", "\"version\":0"), kBadFormat);
    EXPECT_EQ(changed("\"version\":1", "\"versiom\":1"), kBadFormat);
    EXPECT_EQ(changed("T12:00:00Z", "T12:00:00+01:00"), kBadFormat);
    EXPECT_EQ(changed("\"spec_version\":\"1.", "\"spec_version\":\"2."), kBadFormat);
    EXPECT_EQ(changed("\"_type\":\"root\"", "\"_type\":\"targets\""), kWrongType);
    EXPECT_EQ(changed("\"snapshot\":{\"keyids\"", "\"snapshoc\":{\"keyids\""), kBadFormat);
}

TEST(TufMetadata, AnEndInTheFarFutureIsNoOverflow) {
    FakeRepository repository(kNow);
    repository.content("root")["expires"] = "9999-12-31T23:59:59Z";
    repository.publish({"root"});
    FakeClient client = client_of(repository);
    EXPECT_EQ(client.update(repository, kNow), Status());
    EXPECT_EQ(client.version("root"), 2);
}

}  // namespace
}  // namespace hf::trust::tuf
