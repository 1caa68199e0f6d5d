#include "trust/policy.h"

#include <gtest/gtest.h>

#include "crypto/hash.h"

namespace hf::trust {
namespace {

// The smallest ONNX model: a version, an empty graph, an operator set.
constexpr std::uint8_t kModel[] = {0x08, 0x08, 0x3a, 0x00, 0x42, 0x02, 0x10, 0x11};

struct Fixture {
    crypto::PrivateKey key = crypto::PrivateKey::generate();
    std::vector<FileToScan> files{{"m.onnx", ByteView(kModel)}};
    TrustPolicy policy;
    std::optional<std::string> bundle;

    Fixture() {
        policy.name = "plant";
        policy.keys = {key.public_key()};
        bundle = sign_model({"m", {{"m.onnx", crypto::sha256(ByteView(kModel))}}, {}}, key).value();
    }

    // "allowed", or the reason in brackets; everything refused is PERMISSION_DENIED.
    std::string decide() const {
        const Result<TrustDecision> decision = judge_model(policy, bundle, files, Instant());
        if (decision.ok()) return decision->allowed ? "allowed" : "neither";
        EXPECT_EQ(decision.status().code(), Code::kPermissionDenied);
        const std::string_view message = decision.status().message();
        return std::string(message.substr(0, message.find(']') + 1));
    }
};

TEST(TrustPolicy, AllowsWhatMeetsEveryDemand) {
    const Fixture good;
    EXPECT_EQ(good.decide(), "allowed");
    const TrustDecision decision =
        judge_model(good.policy, good.bundle, good.files, Instant()).value();
    EXPECT_EQ(decision.signer, "key " + good.key.public_key().fingerprint().to_string());
    EXPECT_EQ(decision.log.size(), 2u);
}

TEST(TrustPolicy, RefusesWithAReason) {
    Fixture unsigned_model;
    unsigned_model.bundle.reset();
    EXPECT_EQ(unsigned_model.decide(), "[unsigned]");

    Fixture stranger;
    stranger.policy.keys = {crypto::PrivateKey::generate().public_key()};
    EXPECT_EQ(stranger.decide(), "[untrusted-signature]");

    Fixture no_keys;
    no_keys.policy.keys.clear();
    EXPECT_EQ(no_keys.decide(), "[no-trusted-keys]");

    Fixture broken;
    broken.bundle->resize(broken.bundle->size() / 2);
    EXPECT_EQ(broken.decide(), "[untrusted-signature]");

    Fixture extra;
    extra.files.push_back({"notes", as_bytes("more")});
    EXPECT_EQ(extra.decide(), "[file-mismatch]");

    Fixture changed;
    std::vector<std::uint8_t> other(std::begin(kModel), std::end(kModel));
    other.back() ^= 1;
    changed.files[0].bytes = other;
    EXPECT_EQ(changed.decide(), "[file-mismatch]");

    Fixture format;
    format.policy.allowed_formats = {FileFormat::kTflite};
    EXPECT_EQ(format.decide(), "[format-not-allowed]");
    format.policy.allowed_formats = {FileFormat::kTflite, FileFormat::kOnnx};
    EXPECT_EQ(format.decide(), "allowed");

    Fixture pickle;
    pickle.policy.require_signature = false;
    pickle.files[0].bytes = as_bytes("cos\nsystem\n(S'id'\ntR.");
    EXPECT_EQ(pickle.decide(), "[scan-refused]");
}

TEST(TrustPolicy, WithoutEvidenceNothingPasses) {
    const Fixture fixture;
    EXPECT_FALSE(evaluate(fixture.policy, {}).ok());
    TrustPolicy policy;
    policy.require_signature = false;
    EXPECT_NE(evaluate(policy, {}).status().message().find("[not-scanned]"),
              std::string_view::npos);
    policy.require_scan = false;
    policy.allowed_formats = {FileFormat::kOnnx};
    EXPECT_NE(evaluate(policy, {}).status().message().find("[not-scanned]"),
              std::string_view::npos);
    policy.allowed_formats.clear();
    EXPECT_TRUE(evaluate(policy, {}).ok());  // it demands nothing
    EXPECT_FALSE(evaluate(TrustPolicy(), {}).ok());
}

}  // namespace
}  // namespace hf::trust
