// The gate against an update repository that a test may change at will: what is admitted, what is
// refused and why, and what stays admitted when the repository ends or goes away.

#include "node/update_gate.h"

#include <gtest/gtest.h>

#include "crypto/hash.h"
#include "node/published_test.h"
#include "testing/manual_clock.h"
#include "testing/memory_files.h"
#include "trust/tuf/fake_repository_test.h"

namespace hf::node {
namespace {

namespace tuf = trust::tuf;
using tuf::FakeRepository;
using tuf::TestKey;

constexpr auto kADay = std::chrono::hours(24);

class GateTest : public ::testing::Test {
protected:
    UpdatePin pin() {
        return {"https://updates.example/",
                crypto::sha256(as_bytes(repository_.files.at("1.root.json")))};
    }

    // As after a restart.
    UpdateGate gate(std::vector<UpdatePin> own = {}) {
        UpdateGate::Options options;
        options.folder = "/n/updates";
        options.node = "press-4";
        options.hardware_id = "x86_64";
        options.own = std::move(own);
        options.connect = [this](const std::string&) -> Result<std::unique_ptr<MetadataSource>> {
            return std::make_unique<PublishedSource>(published_);
        };
        return UpdateGate(*files_, clock_, std::move(options));
    }

    Wish wish(const std::string& reference) {
        Wish wish;
        wish.service = "default/pump";
        wish.reference = reference;
        wish.policy_text = json::write(json::Object{
            {"updates", json::Object{{"url", pin().url}, {"root", pin().root.to_string()}}}});
        return wish;
    }

    // Publishes what the repository vouches for: "pump/VERSION" with the bytes of that name.
    void release(const std::string& version, std::string_view custom = "{}") {
        repository_.add_target("targets", "pump/" + version, version,
                               json::parse(custom).value().get_object());
        repository_.publish({"targets", "snapshot", "timestamp"});
    }
    static Digest manifest(std::string_view version) { return crypto::sha256(as_bytes(version)); }

    // The reason that it is not admitted for; empty: it is admitted.
    std::string refused(UpdateGate& gate, const std::string& version) {
        const Status status = gate.admit(wish("pump:" + version), manifest(version));
        if (status.ok()) return "";
        EXPECT_EQ(status.code(), Code::kUnavailable) << status.to_string();
        return tuf::reason_of(status);
    }

    testing::ManualClock clock_;
    std::unique_ptr<testing::MemoryFiles> files_ = std::make_unique<testing::MemoryFiles>();
    FakeRepository repository_{clock_.now()};
    Published published_{repository_.files};
};

TEST_F(GateTest, AsksNobodyWhereNoRepositoryIsNamed) {
    UpdateGate gate = this->gate();
    Wish plain = wish("pump:v1");
    plain.policy_text = R"({"requireSignature":true})";
    EXPECT_EQ(gate.admit(plain, manifest("v1")), Status());
    EXPECT_EQ(published_.fetches, 0);
}

TEST_F(GateTest, A31WhatTheServerOrdersAloneIsRefused) {
    UpdateGate gate = this->gate();
    EXPECT_EQ(refused(gate, "v1"), "tuf-no-target");
    release("v1");
    EXPECT_EQ(gate.admit(wish("pump:v1"), manifest("another")).code(), Code::kUnavailable);
    EXPECT_EQ(refused(gate, "v1"), "");
}

TEST_F(GateTest, A31AServerThatDropsThePolicyMeetsTheMachinesOwnPin) {
    UpdateGate gate = this->gate({pin()});
    Wish loosened = wish("pump:v1");
    loosened.policy_text = "{}";
    EXPECT_EQ(tuf::reason_of(gate.admit(loosened, manifest("v1"))), "tuf-no-target");
    release("v1");
    EXPECT_EQ(gate.admit(loosened, manifest("v1")), Status());
}

TEST_F(GateTest, AReferenceByDigestIsATargetByDigest) {
    UpdateGate gate = this->gate();
    const Digest digest = manifest("v1");
    const Wish by_digest = wish("pump@" + digest.to_string());
    EXPECT_EQ(tuf::reason_of(gate.admit(by_digest, digest)), "tuf-no-target");
    repository_.add_target("targets", "pump/" + digest.hex(), "v1");
    repository_.publish({"targets", "snapshot", "timestamp"});
    EXPECT_EQ(gate.admit(by_digest, digest), Status());
}

TEST_F(GateTest, AnotherRootThanTheOneNamedIsRefused) {
    UpdateGate gate = this->gate();
    const Wish wanted = wish("pump:v1");
    repository_.files["1.root.json"] += ' ';
    const Status status = gate.admit(wanted, manifest("v1"));
    EXPECT_EQ(tuf::reason_of(status), "tuf-root-pin") << status.to_string();
}

TEST_F(GateTest, A20WhatHasEndedStopsNewVersionsAndNothingThatWasAdmitted) {
    release("v1");
    release("v2");
    UpdateGate gate = this->gate();
    ASSERT_EQ(refused(gate, "v1"), "");
    clock_.advance(2 * kADay);
    EXPECT_EQ(refused(gate, "v2"), "tuf-expired");
    EXPECT_EQ(refused(gate, "v1"), "");
    for (const char* role : {"root", "targets", "snapshot", "timestamp"}) {
        repository_.content(role)["expires"] = "2099-01-01T00:00:00Z";
    }
    repository_.publish({"root", "targets", "snapshot", "timestamp"});
    EXPECT_EQ(refused(gate, "v2"), "");
}

TEST_F(GateTest, ARestartWithoutANetworkAdmitsWhatAnsweredAndTheVersionBefore) {
    for (const char* version : {"v1", "v2", "v3"}) {
        release(version);
        UpdateGate gate = this->gate();
        ASSERT_EQ(refused(gate, version), "");
    }
    published_.away = true;
    published_.fetches = 0;
    UpdateGate gate = this->gate();
    EXPECT_EQ(refused(gate, "v3"), "");
    EXPECT_EQ(refused(gate, "v2"), "");
    EXPECT_EQ(published_.fetches, 0);
    EXPECT_EQ(gate.admit(wish("pump:v1"), manifest("v1")).code(), Code::kUnavailable);
    EXPECT_EQ(published_.fetches, 1);
    gate.forget("default/pump");
    EXPECT_FALSE(gate.admit(wish("pump:v3"), manifest("v3")).ok());
}

// Versions that were admitted and waited for a window, or did not verify, push nothing out.
TEST_F(GateTest, WhatAnsweredStaysAdmittedHoweverManyNeverCameToAnswer) {
    for (const char* version : {"v1", "v2", "v3"}) release(version);
    {
        UpdateGate gate = this->gate();
        ASSERT_EQ(refused(gate, "v1"), "");
        gate.note_active("default/pump", manifest("v1").to_string());
        ASSERT_EQ(refused(gate, "v2"), "");
        ASSERT_EQ(refused(gate, "v3"), "");
    }
    published_.away = true;
    UpdateGate gate = this->gate();
    EXPECT_EQ(refused(gate, "v1"), "");
    // What was never admitted is not made so by answering under a policy without a repository.
    gate.note_active("default/pump", manifest("v9").to_string());
    EXPECT_FALSE(gate.admit(wish("pump:v9"), manifest("v9")).ok());
    gate.forget("default/pump");
    EXPECT_FALSE(gate.admit(wish("pump:v1"), manifest("v1")).ok());
}

TEST_F(GateTest, A21ARepositoryThatGoesBackIsRefusedAlsoAfterARestart) {
    release("v1");
    const std::map<std::string, std::string> before = repository_.files;
    release("v2");
    UpdateGate first = gate();
    ASSERT_EQ(refused(first, "v2"), "");
    repository_.files = before;
    UpdateGate second = gate();
    EXPECT_EQ(refused(second, "v1"), "tuf-rollback");
}

TEST_F(GateTest, A24AnOlderReleaseIsNotInstalledAgain) {
    release("v1", R"({"holdfast":{"release":1}})");
    release("v2", R"({"holdfast":{"release":2}})");
    release("v3", R"({"holdfast":{"release":3}})");
    UpdateGate gate = this->gate();
    ASSERT_EQ(refused(gate, "v1"), "");
    ASSERT_EQ(refused(gate, "v3"), "");
    EXPECT_EQ(refused(gate, "v2"), "tuf-release");
    UpdateGate restarted = this->gate();
    EXPECT_EQ(refused(restarted, "v2"), "tuf-release");
}

TEST_F(GateTest, A33A34WhatIsForOthersIsRefused) {
    release("v1", R"({"holdfast":{"hardwareIds":["aarch64"]}})");
    release("v2", R"({"holdfast":{"nodes":["press-5"]}})");
    UpdateGate gate = this->gate();
    EXPECT_EQ(refused(gate, "v1"), "tuf-hardware-id");
    EXPECT_EQ(refused(gate, "v2"), "tuf-other-device");
}

TEST_F(GateTest, ADamagedRecordIsAskedForAnew) {
    release("v1");
    UpdateGate first = gate();
    ASSERT_EQ(refused(first, "v1"), "");
    files_->overwrite("/n/updates/admitted.json", to_bytes("{"));
    UpdateGate second = gate();
    published_.fetches = 0;
    EXPECT_EQ(refused(second, "v1"), "");
    EXPECT_GT(published_.fetches, 0);
}

// The process dies at each of its changes in turn. What it left never lets an older repository in,
// and the next start goes on by itself.
TEST_F(GateTest, ACrashAnywhereLeavesWhatTheNextUpdateCanBeginWith) {
    release("v1");
    const std::map<std::string, std::string> before = repository_.files;
    release("v2");
    const std::map<std::string, std::string> after = repository_.files;
    for (std::uint64_t changes = 0;; ++changes) {
        ASSERT_LT(changes, 100u);
        files_ = std::make_unique<testing::MemoryFiles>();
        repository_.files = before;
        UpdateGate first = gate();
        ASSERT_EQ(refused(first, "v1"), "");
        repository_.files = after;
        files_->die_after(changes);
        UpdateGate dying = gate();
        const bool done = dying.admit(wish("pump:v2"), manifest("v2")).ok();
        files_->restart();
        UpdateGate next = gate();
        EXPECT_EQ(refused(next, "v2"), "") << changes;
        repository_.files = before;
        UpdateGate back = gate();
        Wish other = wish("pump:v1");
        other.service = "default/other";
        EXPECT_EQ(tuf::reason_of(back.admit(other, manifest("v1"))), "tuf-rollback") << changes;
        if (done) break;
    }
}

}  // namespace
}  // namespace hf::node
