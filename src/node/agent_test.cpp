// The agent against a real store, vault and device: what is pushed, wished for and refused.

#include "node/agent.h"

#include <gtest/gtest.h>

#include "api/conditions.h"
#include "api/kinds.h"
#include "base/mutex.h"
#include "base/rng.h"
#include "node/desired.h"
#include "node/local_control_plane.h"
#include "node/published_test.h"
#include "node/recording_host_test.h"
#include "node/scaling_model_test.h"
#include "store/memory.h"
#include "testing/manual_clock.h"
#include "testing/memory_files.h"
#include "testing/script.h"
#include "testing/seeded_entropy.h"
#include "trust/tuf/fake_repository_test.h"
namespace hf::node {
namespace {

using namespace std::chrono_literals;

using testing::SeededEntropy;

// What the agent cannot do, as it tells it.
class Troubles final {
public:
    void add(const Status& trouble) {
        {
            const MutexLock lock(mutex_);
            last_ = std::string(trouble.message());
        }
        changed_.notify_all();
    }
    std::string next() {
        MutexLock lock(mutex_);
        changed_.wait_for(lock, 20s, [&]() HF_REQUIRES(mutex_) { return !last_.empty(); });
        return last_;
    }

private:
    Mutex mutex_;
    ConditionVariable changed_;
    std::string last_ HF_GUARDED_BY(mutex_);
};

class AgentTest : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(files_.create_directories("/v").ok());
        ASSERT_TRUE(files_.create_directories("/n").ok());
        vault_ = vault::Vault::open(files_, "/v").value();
        policy(json::Array{json::Value(key_.public_key().pem())});
        start();
    }

    void start() {
        agent_.reset();
        control_plane_ = make_local_control_plane(resources_, "here", nullptr);
        ASSERT_TRUE(control_plane_->enlist().ok());
        AgentOptions options;
        options.name = "here";
        options.folder = "/n";
        options.on_trouble = [this](const Status& trouble) { troubles_.add(trouble); };
        Steps::World steps{*vault_, host_, clock_, nullptr, jurisdiction_, nullptr, updates_.get()};
        agent_ = Agent::start({steps, files_, *control_plane_}, options).value();
    }

    // Pushes the model, signed by `key` unless null; the golden samples say `golden` times.
    std::string push(const std::string& name, float factor, float golden,
                     const crypto::PrivateKey* key) {
        const auto push = vault_->begin_push().value();
        const auto model = push->put(scaling_model(factor), vault::kWeightType).value();
        vault::PackedModel packed;
        packed.name = "scale";
        packed.format = "onnx";
        packed.entry = "model.onnx";
        packed.files.push_back({"model.onnx", model.media_type, model.digest, model.size_bytes});
        const vault::Golden samples{"ref", 1, {golden_sample_of(golden)}};
        packed.golden =
            push->put(as_bytes(vault::write_golden(samples).value()), vault::kGoldenType).value();
        if (key) {
            const trust::ModelToSign signing{"scale", {{"model.onnx", model.digest}}, {}};
            packed.signature =
                push->put(as_bytes(trust::sign_model(signing, *key).value()), vault::kSignatureType)
                    .value();
        }
        const vault::ModelDocuments documents = vault::pack_model(packed);
        EXPECT_TRUE(push->put(as_bytes(documents.config), vault::kConfigType).ok());
        const auto manifest = push->put(as_bytes(documents.manifest), vault::kManifestType).value();
        EXPECT_TRUE(push->tag(manifest, name).ok());
        return manifest.digest.to_string();
    }

    resources::WriteOptions as_admin() {
        resources::WriteOptions options;
        options.who = api::Identity::of_system("test");
        return options;
    }
    void policy(json::Array keys) {
        policy_["keys"] = std::move(keys);
        ++policy_generation_;
    }
    resources::ObjectKey node_key() { return {&api::node_kind(), "", "here"}; }

    // Orders the service to run `model` here, as the control plane does.
    void wish(const std::string& name, const std::string& model) {
        json::Object order{{"namespace", "default"},      {"name", name}, {"uid", "u-" + name},
                           {"generation", ++generation_}, {"epoch", 1},   {"model", model}};
        for (const auto& [key, value] : extra_) order[key] = value;
        orders_[name] = std::move(order);
        send_orders();
    }
    void send_orders() {
        const auto edit = [&](api::Object& node) -> Status {
            json::Array services;
            for (const auto& [name, order] : orders_) services.push_back(order);
            node.edit_spec()["services"] = std::move(services);
            node.edit_spec()["trustPolicies"] = json::Array{{{"name", "default"},
                                                             {"uid", "p"},
                                                             {"generation", policy_generation_},
                                                             {"spec", policy_}}};
            return {};
        };
        ASSERT_TRUE(resources_.modify(node_key(), as_admin(), edit).ok());
    }

    // What the node reports of the service; null when nothing.
    json::Value reported(const std::string& name) {
        const api::Object node = resources_.get(node_key()).value();
        const json::Array* services = json::find_array(node.status(), "services");
        for (const json::Value& each : services ? *services : json::Array()) {
            if (json::get_string(each, "name") == name) return each;
        }
        return nullptr;
    }
    std::optional<api::Condition> condition(const std::string& name, const std::string& type) {
        api::Object holder;
        holder.fields()["status"] = reported(name);
        return holder.status().is_object() ? api::find_condition(holder, type) : std::nullopt;
    }

    // The condition of the present generation, waited for: its message, or what went wrong.
    std::string until(const std::string& name, const std::string& type, api::Truth truth) {
        const auto watch = resources_.watch(api::node_kind(), "", {}).value();
        for (;;) {
            const auto events = watch->next(20s);
            if (!events.ok() || events->empty()) return "never came";
            const auto now = condition(name, type);
            if (now && now->status == truth && now->observed_generation == generation_) {
                return now->message;
            }
        }
    }
    bool until_says(const std::string& name, const std::string& type, std::string_view what) {
        const auto watch = resources_.watch(api::node_kind(), "", {}).value();
        for (;;) {
            const auto now = condition(name, type);
            if (now && now->message.find(what) != std::string::npos) return true;
            const auto events = watch->next(20s);
            if (!events.ok() || events->empty()) return false;
        }
    }
    bool until_gone(const std::string& name) {
        const auto watch = resources_.watch(api::node_kind(), "", {}).value();
        while (!reported(name).is_null()) {
            const auto events = watch->next(20s);
            if (!events.ok() || events->empty()) return false;
        }
        return true;
    }

    testing::ManualClock clock_;
    testing::MemoryFiles files_;
    SeededEntropy entropy_;
    const crypto::PrivateKey key_ = crypto::PrivateKey::generate();
    std::unique_ptr<store::Store> store_ = store::make_memory_store(clock_);
    resources::Resources resources_{*store_, clock_, entropy_};
    std::unique_ptr<vault::Vault> vault_;
    RecordingHost host_;
    json::Object policy_, extra_;
    std::int64_t policy_generation_ = 0, generation_ = 0;
    std::map<std::string, json::Object> orders_;
    std::string jurisdiction_;
    std::unique_ptr<UpdateGate> updates_;
    Troubles troubles_;
    std::unique_ptr<ControlPlane> control_plane_;
    std::unique_ptr<Agent> agent_;
};

TEST_F(AgentTest, BringsUpWhatIsSignedAndReproduced) {
    const std::string digest = push("scale:1", 3, 3, &key_);
    wish("scale", "scale:1");
    EXPECT_EQ(until("scale", "Active", api::Truth::kTrue), digest);
    const auto active = host_.active("default/scale");
    ASSERT_TRUE(active);
    ASSERT_EQ(active->models.size(), 1u);
    const auto again = active->models[0].again();
    ASSERT_TRUE(again.ok()) << again.status().to_string();
    EXPECT_EQ((*again)->signature().inputs.size(),
              active->models[0].model->signature().inputs.size());
    EXPECT_EQ(active->digest.to_string(), digest);
    EXPECT_EQ(active->version, "1");
    EXPECT_NE(active->signer.find("sha256:"), std::string::npos);
    const json::Value service = reported("scale");
    EXPECT_EQ(json::get_string(service, "url"), "http://here/default/scale");
    EXPECT_EQ(json::get_string(service, "digest"), digest);
    EXPECT_EQ(json::get_int(service, "epoch"), 1);
}

TEST_F(AgentTest, RefusesWhatIsNotBelievedAndKeepsWhatAnswers) {
    const std::string good = push("scale:1", 3, 3, &key_);
    wish("scale", "scale:1");
    EXPECT_EQ(until("scale", "Active", api::Truth::kTrue), good);

    push("scale:2", 4, 4, nullptr);
    wish("scale", "scale:2");
    EXPECT_NE(until("scale", "Verified", api::Truth::kFalse).find("[unsigned]"), std::string::npos);
    const crypto::PrivateKey stranger = crypto::PrivateKey::generate();
    push("scale:3", 5, 5, &stranger);
    wish("scale", "scale:3");
    EXPECT_NE(until("scale", "Verified", api::Truth::kFalse).find("[untrusted-signature]"),
              std::string::npos);
    push("scale:4", 6, 7, &key_);
    wish("scale", "scale:4");
    EXPECT_NE(until("scale", "Reproduced", api::Truth::kFalse).find("golden sample 0"),
              std::string::npos);

    EXPECT_EQ(host_.active("default/scale")->digest.to_string(), good);
    EXPECT_EQ(condition("scale", "Ready")->reason, "ServingPrevious");
}

TEST_F(AgentTest, NoticesAChangedPolicyAndAServiceThatGoes) {
    const crypto::PrivateKey other = crypto::PrivateKey::generate();
    const std::string digest = push("scale:1", 3, 3, &other);
    wish("scale", "scale:1");
    EXPECT_NE(until("scale", "Verified", api::Truth::kFalse).find("[untrusted-signature]"),
              std::string::npos);
    policy(json::Array{json::Value(other.public_key().pem())});
    send_orders();
    EXPECT_EQ(until("scale", "Active", api::Truth::kTrue), digest);
    orders_.erase("scale");
    send_orders();
    ASSERT_TRUE(until_gone("scale"));
    // A second service is brought up after the first was retired: the worker keeps the order.
    wish("later", "scale:1");
    EXPECT_EQ(until("later", "Active", api::Truth::kTrue), digest);
    EXPECT_FALSE(host_.active("default/scale"));
}

// What answers keeps answering, under the policy that it was accepted by; that the policy of today
// refuses it is in its status, and it does not come up again.
TEST_F(AgentTest, A64APolicyThatChangesUnderARunningModelIsHeard) {
    const std::string digest = push("scale:1", 3, 3, &key_);
    wish("scale", "scale:1");
    EXPECT_EQ(until("scale", "Active", api::Truth::kTrue), digest);
    policy(json::Array{json::Value(crypto::PrivateKey::generate().public_key().pem())});
    send_orders();
    EXPECT_NE(until("scale", "Verified", api::Truth::kFalse).find("[untrusted-signature]"),
              std::string::npos);
    EXPECT_EQ(condition("scale", "Ready")->reason, "ServingRefused");
    wish("second", "scale:1");
    EXPECT_NE(until("second", "Verified", api::Truth::kFalse).find("[untrusted-signature]"),
              std::string::npos);
    EXPECT_FALSE(host_.active("default/second"));
}

TEST_F(AgentTest, ADamagedBlobNeverRuns) {
    push("scale:1", 3, 3, &key_);
    for (const std::string& path : files_.paths()) {
        Bytes bytes = files_.read(path, 1u << 20).value();
        if (bytes != scaling_model(3)) continue;
        bytes.back() ^= 1;
        files_.overwrite(path, bytes);
    }
    wish("scale", "scale:1");
    EXPECT_NE(until("scale", "Pulled", api::Truth::kFalse).find("sha256"), std::string::npos);
    EXPECT_FALSE(host_.active("default/scale"));
}

// The store is away and forgotten: the node starts from its memory, first what answered.
TEST_F(AgentTest, RemembersWhatAnsweredAndWhatWasRefused) {
    const std::string good = push("scale:1", 3, 3, &key_);
    wish("scale", "scale:1");
    EXPECT_EQ(until("scale", "Active", api::Truth::kTrue), good);
    push("scale:2", 4, 4, nullptr);
    wish("scale", "scale:2");
    EXPECT_NE(until("scale", "Verified", api::Truth::kFalse).find("[unsigned]"), std::string::npos);
    agent_.reset();
    host_.retire("default/scale");

    class Away final : public ControlPlane {
    public:
        Result<api::Object> enlist() override { return unavailable("no network"); }
        Status follow(const OnNode&) override { return unavailable("no network"); }
        void stop() override {}
        Status publish(const json::Object&) override { return unavailable("no network"); }
        Status tell(const ServiceEvent&) override { return unavailable("no network"); }
        Status heartbeat() override { return unavailable("no network"); }
    } away;
    AgentOptions options;
    options.name = "here";
    options.folder = "/n";
    agent_ = Agent::start({{*vault_, host_, clock_, nullptr, ""}, files_, away}, options).value();
    ASSERT_TRUE(host_.await("default/scale"));
    EXPECT_EQ(host_.active("default/scale")->digest.to_string(), good);
    agent_.reset();

    // With the store again: the refusal is remembered, not found out anew.
    start();
    EXPECT_TRUE(until_says("scale", "Verified", "refused before"));
    EXPECT_EQ(condition("scale", "Ready")->reason, "ServingPrevious");
}

// A version that answers with errors: the node goes back by itself, and does not try it again.
TEST_F(AgentTest, GoesBackFromAVersionThatFails) {
    const std::string good = push("scale:1", 3, 3, &key_);
    wish("scale", "scale:1");
    EXPECT_EQ(until("scale", "Active", api::Truth::kTrue), good);
    const std::string bad = push("scale:2", 4, 4, &key_);
    host_.let_answer(bad, {1, 20, 1});
    wish("scale", "scale:2");
    EXPECT_TRUE(until_says("scale", "Active", "[errors]"));
    const auto watch = resources_.watch(api::node_kind(), "", {}).value();
    while (json::get_string(reported("scale"), "digest") != good)
        ASSERT_TRUE(watch->next(20s).ok());
    EXPECT_EQ(host_.active("default/scale")->digest.to_string(), good);
    EXPECT_EQ(condition("scale", "Ready")->reason, "ServingPrevious");
    // After a restart too.
    start();
    EXPECT_TRUE(until_says("scale", "Active", "refused before"));
    EXPECT_EQ(host_.active("default/scale")->digest.to_string(), good);
}

TEST_F(AgentTest, OlderOrdersAreNotFollowed) {
    const std::string first = push("scale:1", 3, 3, &key_);
    wish("scale", "scale:1");
    EXPECT_EQ(until("scale", "Active", api::Truth::kTrue), first);
    agent_.reset();
    // A control plane that was restored from a backup: the same Node, with an older spec.
    const std::string text(as_text(files_.read("/n/node.json", 1u << 20).value()));
    Memory memory = read_memory(text).value();
    memory.node.edit_metadata()["generation"] = memory.node.generation() + 5;
    ASSERT_TRUE(files_.write("/n/node.json", as_bytes(write_memory(memory))).ok());
    orders_.clear();
    send_orders();
    start();
    EXPECT_NE(troubles_.next().find("older than what this node has followed"), std::string::npos);
    EXPECT_TRUE(host_.await("default/scale")) << "it goes on with what it has";
}

TEST_F(AgentTest, WhatMayNotLieHereDoesNotAnswerHere) {
    jurisdiction_ = "FR";
    start();
    const std::string digest = push("scale:1", 3, 3, &key_);
    extra_ = {{"jurisdictions", json::Array{"DE", "FR"}}};
    wish("scale", "scale:1");
    EXPECT_EQ(until("scale", "Active", api::Truth::kTrue), digest);
    extra_ = {{"forbiddenJurisdictions", json::Array{"FR"}}};
    wish("scale", "scale:1");
    EXPECT_NE(until("scale", "Resolved", api::Truth::kFalse).find("[residency]"),
              std::string::npos);
    EXPECT_EQ(condition("scale", "Ready")->reason, "NotServing");
    // The worker has retired it by the time that it has done the next thing.
    extra_.clear();
    wish("later", "scale:1");
    EXPECT_EQ(until("later", "Active", api::Truth::kTrue), digest);
    EXPECT_FALSE(host_.active("default/scale"));
}

// What is unsure may go where the data may lie, by what this machine knows.
TEST_F(AgentTest, TheHostIsToldWhomToAsk) {
    jurisdiction_ = "DE";
    start();
    push("scale:1", 3, 3, &key_);
    const auto asks = [](std::string_view law) {
        return json::Value{{"upstream", "large"},
                           {"when", {{"belowMilli", 900}}},
                           {"at", {{"node", "n"}, {"url", "https://n:1"}, {"jurisdiction", law}}}};
    };
    extra_ = {{"cascade", asks("FR")}};
    wish("scale", "scale:1");
    EXPECT_EQ(host_.cascade("default/scale", 1)->node, "n");
    EXPECT_EQ(host_.cascade("default/scale", 1)->upstream, "default/large");
    extra_ = {{"cascade", asks("FR")}, {"forbiddenJurisdictions", json::Array{"FR"}}};
    wish("scale", "scale:1");
    EXPECT_EQ(host_.cascade("default/scale", 2)->node, "");
    EXPECT_EQ(host_.cascade("default/scale", 2)->alone, "residency");
    // After a restart without news too.
    start();
    EXPECT_EQ(host_.cascade("default/scale", 3)->alone, "residency");
    extra_.clear();
    wish("scale", "scale:1");
    EXPECT_FALSE(host_.cascade("default/scale", 4));
}

TEST_F(AgentTest, A31A32OnlyWhatServerAndRepositoryAgreeOnRuns) {
    agent_.reset();
    trust::tuf::FakeRepository repository(clock_.now());
    Published published{repository.files};
    UpdateGate::Options options{"/n/updates", "here", "x86_64"};
    options.connect = [&](const std::string&) -> Result<std::unique_ptr<MetadataSource>> {
        return std::make_unique<PublishedSource>(published);
    };
    updates_ = std::make_unique<UpdateGate>(files_, clock_, std::move(options));
    const Digest root = crypto::sha256(as_bytes(repository.files.at("1.root.json")));
    policy_["updates"] = json::Object{{"url", "https://updates"}, {"root", root.to_string()}};
    start();
    const std::string first = push("scale:1", 3, 3, &key_), second = push("scale:2", 4, 4, &key_);
    wish("scale", "scale:1");
    EXPECT_NE(until("scale", "Resolved", api::Truth::kFalse).find("[tuf-no-target]"),
              std::string::npos);
    // Both are vouched for now, and one is ordered.
    repository.vouch("scale/1", first);
    repository.vouch("scale/2", second);
    repository.publish({"targets", "snapshot", "timestamp"});
    ++policy_generation_;
    send_orders();
    EXPECT_EQ(until("scale", "Active", api::Truth::kTrue), first);
    clock_.advance(48h);
    wish("scale", "scale:2");
    EXPECT_NE(until("scale", "Resolved", api::Truth::kFalse).find("[tuf-expired]"),
              std::string::npos);
    EXPECT_EQ(host_.active("default/scale")->digest.to_string(), first);
    agent_.reset();  // before what it asks
}

// It was deleted between enlisting and following: whoever waits for news of it waits forever.
TEST_F(AgentTest, FollowingANodeThatIsGoneEnds) {
    const auto plane = make_local_control_plane(resources_, "gone", nullptr);
    const Status ended = plane->follow([](const api::Object&) { return Status(); });
    EXPECT_EQ(ended.code(), Code::kNotFound);
}

TEST(Memory, DamageIsNamed) {
    for (const std::string_view text :
         {"", "{", "[]", R"({"version":2})", R"({"version":1})", R"({"version":1,"node":[]})",
          R"({"version":1,"node":{"apiVersion":"v","kind":"Node"},"active":[{"service":"a"}]})",
          R"({"version":1,"node":{"apiVersion":"v","kind":"Node"},"refusals":[{"service":"a",
              "digest":"d","step":9,"code":3}]})"}) {
        EXPECT_FALSE(read_memory(text).ok()) << text;
    }
}

}  // namespace
}  // namespace hf::node
