// What the steps judge by: the time at which a signer's certificate is looked at; and what they do
// with an artifact of several models.

#include "node/steps.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "crypto/certificates.h"
#include "node/recording_host_test.h"
#include "node/scaling_model_test.h"
#include "testing/manual_clock.h"
#include "testing/memory_files.h"
#include "trust/policy.h"

namespace hf::node {
namespace {

constexpr Duration kDay = std::chrono::hours(24);
constexpr Instant kStart = kReleased + 100 * kDay;

class NoHost final : public ModelHost {
public:
    Result<std::string> activate(const Activation&) override { return unavailable("no host"); }
    std::optional<Answers> answers(const std::string&) override { return std::nullopt; }
    std::optional<Traffic> traffic(const std::string&) override { return std::nullopt; }
    void set_cascade(const std::string&, const Cascade*) override {}
    void retire(const std::string&) override {}
};

// The bundle with this certificate in place of the key's name.
std::string show_certificate(const std::string& bundle, const std::string& pem) {
    std::string der;
    for (std::string_view line : split(pem, '\n')) {
        if (!line.starts_with("-----")) der += line;
    }
    json::Value whole = json::parse(bundle).value();
    json::Array certificates;
    certificates.push_back(json::Object{{"rawBytes", der}});
    whole.as_object()["verificationMaterial"] =
        json::Object{{"x509CertificateChain", json::Object{{"certificates", certificates}}},
                     {"tlogEntries", json::Array()}};
    return json::write(whole);
}

class StepsTest : public ::testing::Test {
protected:
    // A model that the authority's signer signed; its manifest.
    std::string push_signed() {
        const auto push = vault_->begin_push().value();
        const auto model = push->put(Bytes(100, 1), vault::kWeightType).value();
        const trust::ModelToSign signing{"m", {{"model.onnx", model.digest}}, {}};
        const std::string bundle = show_certificate(trust::sign_model(signing, signer_.key).value(),
                                                    signer_.certificate_pem);
        vault::PackedModel packed;
        packed.name = "m";
        packed.format = "onnx";
        packed.entry = "model.onnx";
        packed.files.push_back({"model.onnx", model.media_type, model.digest, model.size_bytes});
        packed.signature = push->put(as_bytes(bundle), vault::kSignatureType).value();
        const vault::ModelDocuments documents = vault::pack_model(packed);
        EXPECT_TRUE(push->put(as_bytes(documents.config), vault::kConfigType).ok());
        const auto manifest = push->put(as_bytes(documents.manifest), vault::kManifestType).value();
        EXPECT_EQ(push->tag(manifest, "m:1"), Status());
        return manifest.digest.to_string();
    }

    // What verifying it says, where `authority` is trusted.
    std::string verdict(const TimeFloor* floor, const std::string& authority) {
        Steps steps({*vault_, host_, clock_, nullptr, "", floor});
        Action action;
        action.service = "default/m";
        action.digest = push_signed();
        action.wish.service = action.service;
        action.wish.policy = "default";
        json::Array authorities;
        authorities.push_back(json::Value(authority));
        action.wish.policy_text = json::write(json::Object{{"authorities", authorities}});
        action.step = Step::kPull;
        EXPECT_EQ(steps.perform(action).status, Status());
        action.step = Step::kVerify;
        return std::string(steps.perform(action).status.message());
    }
    std::string verdict(const TimeFloor* floor) {
        return verdict(floor, authority_.certificate_pem);
    }

    testing::MemoryFiles files_;
    testing::ManualClock clock_{kStart + kDay};
    std::unique_ptr<vault::Vault> vault_ = vault::Vault::open(files_, "/v").value();
    NoHost host_;
    const crypto::Credential authority_ = crypto::make_ca("root", kStart, 365 * kDay).value();
    // Not for signing code, which is found only once it is in its time.
    const crypto::Credential signer_ =
        crypto::issue_server_certificate(authority_, {{"signer"}, {}}, kStart, 30 * kDay).value();
};

TEST_F(StepsTest, A35AClockThatWasSetBackDoesNotReviveAnEndedSigner) {
    const std::string by_clock = verdict(nullptr);
    EXPECT_NE(by_clock.find("[untrusted-certificate]"), std::string::npos) << by_clock;
    EXPECT_EQ(by_clock.find("expired"), std::string::npos) << by_clock;

    TimeFloor floor(files_, clock_, "/time-floor");
    ASSERT_EQ(floor.saw(kStart + 2 * kDay), Status());
    EXPECT_EQ(verdict(&floor), by_clock) << "in its time";
    ASSERT_EQ(floor.saw(kStart + 31 * kDay), Status());
    const std::string by_floor = verdict(&floor);
    EXPECT_NE(by_floor.find("[untrusted-certificate]"), std::string::npos) << by_floor;
    EXPECT_NE(by_floor.find("expired"), std::string::npos) << by_floor;
    const TimeFloor after_a_restart(files_, clock_, "/time-floor");
    EXPECT_EQ(verdict(&after_a_restart), by_floor);
}

TEST_F(StepsTest, AnAuthorityThatIsNoCertificateIsNamed) {
    const std::string said = verdict(nullptr, "no PEM");
    EXPECT_NE(said.find("TrustPolicy default: spec.authorities[0]"), std::string::npos) << said;
}

// An artifact with the declaration of an ensemble and two models, "three" and "five", which
// multiply by that; and the steps of a machine with it.
class EnsembleStepsTest : public ::testing::Test {
protected:
    using Samples = std::vector<vault::GoldenSample>;

    // Its manifest. `entry` is marked as what is to run.
    std::string push(const std::string& entry, const Samples& samples) {
        const auto push = vault_->begin_push().value();
        vault::PackedModel packed;
        packed.entry = entry;
        const auto add = [&](const std::string& path, ByteView bytes) {
            const auto blob = push->put(bytes, vault::kWeightType).value();
            packed.files.push_back({path, blob.media_type, blob.digest, blob.size_bytes});
        };
        add("both.ensemble.json", as_bytes("{}"));
        add("three.onnx", scaling_model(3));
        add("five.onnx", scaling_model(5));
        const std::string golden = vault::write_golden({"ref", 1, samples}).value();
        packed.golden = push->put(as_bytes(golden), vault::kGoldenType).value();
        const vault::ModelDocuments documents = vault::pack_model(packed);
        EXPECT_TRUE(push->put(as_bytes(documents.config), vault::kConfigType).ok());
        const auto manifest = push->put(as_bytes(documents.manifest), vault::kManifestType).value();
        EXPECT_EQ(push->tag(manifest, "both:1"), Status());
        return manifest.digest.to_string();
    }

    static Result<std::vector<Member>> members_of(const vault::OpenModel&, const std::string& at) {
        if (at != "both.ensemble.json") return invalid_argument("no ensemble: {}", at);
        return std::vector<Member>{{"three", "three.onnx"}, {"five", "five.onnx"}};
    }

    // What the last of these steps says, where those before it went well.
    Status run(const std::string& digest, MembersOf members, std::initializer_list<Step> all) {
        Steps::World world{*vault_, host_, clock_, nullptr, ""};
        world.members_of = members;
        Steps steps(world);
        Action action;
        action.service = action.wish.service = "default/both";
        action.wish.reference = "both:1";
        action.wish.device = "ref";
        action.digest = digest;
        Status status;
        for (const Step step : all) {
            EXPECT_EQ(status, Status());
            action.step = step;
            status = steps.perform(action).status;
        }
        return status;
    }

    testing::MemoryFiles files_;
    testing::ManualClock clock_{kStart};
    std::unique_ptr<vault::Vault> vault_ = vault::Vault::open(files_, "/v").value();
    RecordingHost host_;
    const Samples samples_{golden_sample_of(3, "three"), golden_sample_of(5, "five")};
};

TEST_F(EnsembleStepsTest, TheHostGetsEachMemberCompiledAndAllFiles) {
    const std::string digest = push("both.ensemble.json", samples_);
    EXPECT_EQ(
        run(digest, members_of, {Step::kPull, Step::kCompile, Step::kReproduce, Step::kActivate}),
        Status());
    const auto active = host_.active("default/both");
    ASSERT_TRUE(active);
    EXPECT_EQ(active->entry, "both.ensemble.json");
    ASSERT_EQ(active->models.size(), 2u);
    EXPECT_EQ(active->models[1].name, "five");
    EXPECT_EQ(active->models[1].path, "five.onnx");
    EXPECT_EQ(active->models[1].digest, crypto::sha256(scaling_model(5)));
    EXPECT_TRUE(active->models[1].again().ok());
    EXPECT_TRUE(active->files.find("both.ensemble.json"));
}

TEST_F(EnsembleStepsTest, EachMemberReproducesItsOwnSamples) {
    const auto reproduced = [&](const Samples& samples) {
        const Status status = run(push("both.ensemble.json", samples), members_of,
                                  {Step::kPull, Step::kCompile, Step::kReproduce});
        EXPECT_EQ(status.code(), Code::kFailedPrecondition);
        return std::string(status.message());
    };
    EXPECT_EQ(reproduced({samples_[0]}), "there are no golden samples of five.onnx");
    EXPECT_EQ(reproduced({golden_sample_of(3)}), "there are no golden samples of three.onnx");
    EXPECT_TRUE(reproduced({golden_sample_of(3, "five"), golden_sample_of(3, "three")})
                    .starts_with("five.onnx: golden sample 0: output 'y' is not reproduced"));
}

TEST_F(EnsembleStepsTest, AMarkDoesNotMakeAMemberTheModel) {
    const std::string digest = push("three.onnx", {golden_sample_of(3)});
    EXPECT_EQ(run(digest, members_of, {Step::kPull, Step::kCompile}).message(),
              "no ensemble: three.onnx");
}

TEST_F(EnsembleStepsTest, AHostWithoutEnsemblesSaysWhatToRunInstead) {
    const std::string digest = push("both.ensemble.json", samples_);
    const Status status = run(digest, nullptr, {Step::kPull, Step::kCompile});
    EXPECT_EQ(status.code(), Code::kUnimplemented);
    EXPECT_EQ(status.message(),
              "the model is an ensemble, which this program does not serve; run `holdfast agent` "
              "instead of holdfast-agent");
}

}  // namespace
}  // namespace hf::node
