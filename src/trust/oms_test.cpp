#include "trust/oms.h"

#include <fstream>
#include <functional>
#include <iterator>

#include <gtest/gtest.h>

#include "base/json.h"
#include "crypto/dsse.h"
#include "crypto/hash.h"
#include "testing/script.h"

namespace hf::trust {
namespace {

Resource resource(std::string name, std::string_view content) {
    return {std::move(name), crypto::sha256(as_bytes(content))};
}

struct Signed {
    crypto::PrivateKey key = crypto::PrivateKey::generate();
    std::vector<Resource> files{resource("b/weights.bin", "w"), resource("a.onnx", "m")};
    std::string bundle = *sign_model({"pump", files, {".git"}}, key);
    TrustRoots roots{{key.public_key()}, {}, Instant()};
};

// The bundle with its payload changed by `edit` and signed again: what an attacker with a trusted
// key could say.
std::string resigned(const Signed& s, const std::function<void(json::Object&)>& edit) {
    json::Value bundle = *json::parse(s.bundle);
    json::Object& envelope = bundle.as_object()["dsseEnvelope"].as_object();
    const Bytes payload = *from_base64(json::get_string(envelope, "payload"));
    json::Value statement = *json::parse(as_text(payload));
    edit(statement.as_object());
    const std::string text = json::write(statement);
    const std::string type(json::get_string(envelope, "payloadType"));
    envelope["payload"] = to_base64(as_bytes(text));
    envelope["signatures"].as_array()[0].as_object()["sig"] =
        to_base64(s.key.sign(crypto::dsse_pae(type, as_bytes(text))));
    return json::write(bundle);
}

std::string reason(const Status& status) {
    const std::string text(status.message());
    return text.substr(0, text.find(']') + 1);
}

TEST(Oms, WhatWasSignedVerifies) {
    const Signed s;
    const Result<VerifiedModel> model = verify_bundle(s.bundle, s.roots);
    ASSERT_TRUE(model.ok()) << model.status().to_string();
    EXPECT_EQ(model->resources[0].name, "a.onnx");
    EXPECT_TRUE(compare_files(*model, s.files).ok());
}

TEST(Oms, FilesMustBeTheSignedOnes) {
    const Signed s;
    const VerifiedModel model = *verify_bundle(s.bundle, s.roots);
    std::vector<Resource> files = s.files;
    files[0].digest = Digest();
    EXPECT_EQ(reason(compare_files(model, files)), "[changed-file]");
    files = s.files;
    files.pop_back();
    EXPECT_EQ(reason(compare_files(model, files)), "[missing-file]");
    files = s.files;
    files.push_back(resource("c", "c"));
    EXPECT_EQ(reason(compare_files(model, files)), "[extra-file]");
}

TEST(Oms, AnotherKeyIsRefused) {
    const Signed s;
    const TrustRoots others{{crypto::PrivateKey::generate().public_key()}, {}, Instant()};
    EXPECT_EQ(reason(verify_bundle(s.bundle, others).status()), "[untrusted-key]");
    EXPECT_EQ(reason(verify_bundle(s.bundle, {}).status()), "[untrusted-key]");
}

TEST(Oms, NoChangedByteIsBelieved) {
    const Signed s;
    const VerifiedModel good = *verify_bundle(s.bundle, s.roots);
    for (std::size_t i = 0; i < s.bundle.size(); ++i) {
        std::string changed = s.bundle;
        changed[i] = static_cast<char>(changed[i] ^ 1);
        const Result<VerifiedModel> model = verify_bundle(changed, s.roots);
        // What is outside the signature (the informational keyid) may change; what is believed may
        // not.
        if (!model.ok()) continue;
        EXPECT_EQ(model->resources, good.resources) << i;
    }
}

TEST(Oms, AStatementThatContradictsItselfIsRefusedThoughSigned) {
    const Signed s;
    const auto refused = [&](const std::function<void(json::Object&)>& edit) {
        return reason(verify_bundle(resigned(s, edit), s.roots).status());
    };
    EXPECT_EQ(refused([](json::Object& o) { o["_type"] = "x"; }), "[statement-type]");
    EXPECT_EQ(refused([](json::Object& o) { o["predicateType"] = "x"; }), "[predicate-type]");
    EXPECT_EQ(refused([](json::Object& o) {
                  o["subject"].as_array().push_back(o["subject"].as_array()[0]);
              }),
              "[subject-count]");
    EXPECT_EQ(refused([](json::Object& o) {
                  o["subject"].as_array()[0].as_object()["digest"].as_object()["sha256"] = "00";
              }),
              "[root-digest-mismatch]");
    EXPECT_EQ(refused([](json::Object& o) {
                  o["predicate"].as_object()["resources"].as_array()[0].as_object()["name"] =
                      "../x";
              }),
              "[bad-path]");
}

std::string read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

// The published vectors do not come with the key that signed them, so the key vector ends at "not
// trusted"; the certificate vector brings its chain, whose last certificate is taken as the root.
TEST(Oms, PublishedVectorsAreDecidedRightly) {
    if (testing::data_dir().empty()) GTEST_SKIP() << testing::kNoData;
    const std::string dir = testing::data_dir() + "/oms";
    const auto verdict = [&](const std::string& name, const TrustRoots& roots) {
        return reason(verify_bundle(read(dir + "/" + name), roots).status());
    };
    EXPECT_EQ(verdict("valid/key.bundle.json", {}), "[untrusted-key]");
    EXPECT_EQ(verdict("valid/sigstore.bundle.json", {}), "[keyless]");
    EXPECT_EQ(verdict("valid/certificate.bundle.json", {}), "[untrusted-certificate]");
    EXPECT_EQ(verdict("invalid/empty.bundle.json", {}), "[bad-bundle]");
    EXPECT_EQ(verdict("invalid/missing-envelope.bundle.json", {}), "[no-envelope]");
    EXPECT_EQ(verdict("invalid/missing-verification-material.bundle.json", {}),
              "[no-verification-material]");
    EXPECT_EQ(verdict("invalid/missing-tlog-entries.bundle.json", {}), "[no-tlog-entries]");
    EXPECT_NE(verdict("invalid-payload/wrong-predicate.bundle.json", {}), "");
}

TEST(Oms, TheCertificateVectorVerifiesAgainstItsOwnRoot) {
    if (testing::data_dir().empty()) GTEST_SKIP() << testing::kNoData;
    const std::string text = read(testing::data_dir() + "/oms/valid/certificate.bundle.json");
    const json::Value bundle = *json::parse(text);
    const json::Array& chain =
        json::find_path(bundle, {"verificationMaterial", "x509CertificateChain", "certificates"})
            ->as_array();
    const std::string der(json::get_string(chain[chain.size() - 1], "rawBytes"));
    const std::string root =
        "-----BEGIN CERTIFICATE-----\n" + der + "\n-----END CERTIFICATE-----\n";
    const TrustRoots in_time{{}, {root}, *parse_rfc3339("2026-01-01T00:00:00Z")};
    const Result<VerifiedModel> model = verify_bundle(text, in_time);
    ASSERT_TRUE(model.ok()) << model.status().to_string();
    EXPECT_EQ(model->resources.size(), 2u);
    const TrustRoots too_late{{}, {root}, *parse_rfc3339("2126-01-01T00:00:00Z")};
    EXPECT_EQ(reason(verify_bundle(text, too_late).status()), "[untrusted-certificate]");
}

}  // namespace
}  // namespace hf::trust
