// The agent against a real store, vault and device: what is pushed, wished for and refused.

#include "node/agent.h"

#include <gtest/gtest.h>

#include "api/conditions.h"
#include "api/kinds.h"
#include "base/mutex.h"
#include "base/rng.h"
#include "graph/onnx/export.h"
#include "store/memory.h"
#include "testing/manual_clock.h"
#include "testing/memory_files.h"
#include "testing/script.h"
#include "testing/seeded_entropy.h"
#include "vault/golden.h"

namespace hf::node {
namespace {

using namespace std::chrono_literals;

using testing::SeededEntropy;

// Remembers who answers.
class RecordingHost final : public ModelHost {
public:
    Result<std::string> activate(const Activation& activation) override {
        const MutexLock lock(mutex_);
        active_[activation.service] = activation;
        return "http://here/" + activation.service;
    }
    void retire(const std::string& service) override {
        const MutexLock lock(mutex_);
        active_.erase(service);
    }
    std::optional<Activation> active(const std::string& service) {
        const MutexLock lock(mutex_);
        const auto at = active_.find(service);
        return at == active_.end() ? std::nullopt : std::optional(at->second);
    }

private:
    Mutex mutex_;
    std::map<std::string, Activation> active_ HF_GUARDED_BY(mutex_);
};

// y = x * factor.
Bytes scaling_model(float factor) {
    graph::Graph g;
    g.name = "scale";
    const Shape shape{2};
    const auto x = g.add_value({graph::ValueKind::kTensor, "x", DType::kF32, shape, {}, {}});
    const auto f = g.add_constant("f", Tensor::of<float>(DType::kF32, Shape{1}, {{factor}}));
    const auto y = g.add_value({graph::ValueKind::kTensor, "y", DType::kF32, shape, {}, {}});
    graph::Node node;
    node.name = "mul";
    node.op = "Mul";
    node.opset = 13;
    node.inputs = {x, f};
    node.outputs = {y};
    g.nodes = {node};
    g.inputs = {x};
    g.outputs = {y};
    return graph::onnx::export_model(g).value();
}

vault::Golden golden_for(float factor) {
    const std::array<float, 2> in{1, 2}, out{factor, 2 * factor};
    vault::GoldenSample sample;
    sample.inputs.push_back({"x", Tensor::of<float>(DType::kF32, Shape{2}, in)});
    sample.outputs.push_back({"y", Tensor::of<float>(DType::kF32, Shape{2}, out), {1e-3, 1e-6}});
    return {"ref", 1, {sample}};
}

class AgentTest : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(files_.create_directories("/v").ok());
        vault_ = vault::Vault::open(files_, "/v").value();
        policy(json::Array{json::Value(key_.public_key().pem())});
        agent_ = Agent::start({resources_, *vault_, host_, clock_}, {"here", {}, 30s, {}}).value();
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
        packed.golden =
            push->put(as_bytes(vault::write_golden(golden_for(golden)).value()), vault::kGoldenType)
                .value();
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
        api::Object object = api::Object::make("TrustPolicy", "", "default");
        object.edit_spec()["keys"] = keys;
        ASSERT_TRUE(resources_.create(object, as_admin()).ok());
    }
    // Wishes for the service to run `model` here.
    void wish(const std::string& name, const std::string& model) {
        api::Object service = api::Object::make("Service", "default", name);
        service.edit_spec()["model"] = model;
        if (!resources_.create(service, as_admin()).ok()) {
            ASSERT_TRUE(resources_
                            .modify(key(name), as_admin(),
                                    [&](api::Object& o) {
                                        o.edit_spec()["model"] = model;
                                        return Status();
                                    })
                            .ok());
        }
        ASSERT_TRUE(resources_
                        .modify_status(key(name), as_admin(),
                                       [&](api::Object& o) {
                                           o.edit_status()["node"] = "here";
                                           return Status();
                                       })
                        .ok());
    }
    resources::ObjectKey key(const std::string& name) {
        return {&api::service_kind(), "default", name};
    }

    // The condition of the present generation, waited for: its message, or what went wrong.
    std::string until(const std::string& name, const std::string& type, api::Truth truth) {
        const auto watch = resources_.watch(api::service_kind(), "default", {}).value();
        for (;;) {
            const auto events = watch->next(20s);
            if (!events.ok() || events->empty()) return "never came";
            const Result<api::Object> now = resources_.get(key(name));
            if (!now.ok()) continue;
            const auto condition = api::find_condition(*now, type);
            if (condition && condition->status == truth &&
                condition->observed_generation == now->generation()) {
                return condition->message;
            }
        }
    }

    testing::ManualClock clock_;
    testing::MemoryFiles files_;
    SeededEntropy entropy_;
    const crypto::PrivateKey key_ = crypto::PrivateKey::generate();
    std::unique_ptr<store::Store> store_ = store::make_memory_store(clock_);
    resources::Resources resources_{*store_, clock_, entropy_};
    std::unique_ptr<vault::Vault> vault_;
    RecordingHost host_;
    std::unique_ptr<Agent> agent_;
};

TEST_F(AgentTest, BringsUpWhatIsSignedAndReproduced) {
    const std::string digest = push("scale:1", 3, 3, &key_);
    wish("scale", "scale:1");
    EXPECT_EQ(until("scale", "Active", api::Truth::kTrue), digest);
    const auto active = host_.active("default/scale");
    ASSERT_TRUE(active);
    EXPECT_EQ(active->digest.to_string(), digest);
    EXPECT_EQ(active->version, "1");
    EXPECT_NE(active->signer.find("sha256:"), std::string::npos);
    const api::Object service = resources_.get(key("scale")).value();
    EXPECT_EQ(json::get_string(service.status(), "url"), "http://here/default/scale");
    EXPECT_EQ(json::get_string(service.status(), "digest"), digest);
    EXPECT_EQ(resources_.list(api::model_version_kind(), "", {})->items.size(), 1u);
    EXPECT_TRUE(api::is_true(resources_.get({&api::node_kind(), "", "here"}).value(), "Ready"));
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
    const api::Object service = resources_.get(key("scale")).value();
    EXPECT_EQ(api::find_condition(service, "Ready")->reason, "ServingPrevious");
}

TEST_F(AgentTest, NoticesAChangedPolicyAndAServiceThatGoes) {
    const crypto::PrivateKey other = crypto::PrivateKey::generate();
    const std::string digest = push("scale:1", 3, 3, &other);
    wish("scale", "scale:1");
    EXPECT_NE(until("scale", "Verified", api::Truth::kFalse).find("[untrusted-signature]"),
              std::string::npos);
    ASSERT_TRUE(resources_
                    .modify({&api::trust_policy_kind(), "", "default"}, as_admin(),
                            [&](api::Object& policy) {
                                policy.edit_spec()["keys"] =
                                    json::Array{json::Value(other.public_key().pem())};
                                return Status();
                            })
                    .ok());
    EXPECT_EQ(until("scale", "Active", api::Truth::kTrue), digest);
    resources::RemoveOptions removal;
    removal.who = api::Identity::of_system("test");
    ASSERT_TRUE(resources_.remove(key("scale"), removal).ok());
    // A second service is brought up after the first was retired: the worker keeps the order.
    wish("later", "scale:1");
    EXPECT_EQ(until("later", "Active", api::Truth::kTrue), digest);
    EXPECT_FALSE(host_.active("default/scale"));
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

}  // namespace
}  // namespace hf::node
