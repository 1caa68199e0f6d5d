// The attacks on a model and its signature (edge-trust cases A1 to A16), as judge_model() and so
// every node decides them: what an attacker sends, and the reason that the refusal begins with.

#include <functional>

#include <gtest/gtest.h>

#include "base/json.h"
#include "crypto/certificates.h"
#include "crypto/dsse.h"
#include "crypto/hash.h"
#include "trust/policy.h"

namespace hf::trust {
namespace {

constexpr std::string_view kPayloadType = "application/vnd.in-toto+json";
constexpr std::chrono::hours kDay{24};

// An ONNX model of a version, an empty graph, an operator set and `name` as its producer.
std::string model_of(std::string_view name) {
    std::string text("\x08\x08\x12", 3);
    text += static_cast<char>(name.size());
    text += name;
    text += std::string("\x3a\x00\x42\x02\x10\x11", 6);
    return text;
}

// What came: files, and a bundle or none. As honest makes it, all is well.
struct Offer {
    crypto::PrivateKey key = crypto::PrivateKey::generate();
    std::map<std::string, std::string> files{{"m.onnx", model_of("pump")}, {"notes", "ok\n"}};
    std::optional<std::string> bundle;
    TrustPolicy policy;
    Instant now{};

    Offer() {
        policy.name = "plant";
        policy.keys = {key.public_key()};
        sign(key);
    }

    void sign(const crypto::PrivateKey& by) {
        ModelToSign model{"pump", {}, {}};
        for (const auto& [name, content] : files)
            model.resources.push_back({name, crypto::sha256(as_bytes(content))});
        bundle = sign_model(model, by).value();
    }

    // The bundle as a holder of the key could have made it: any part of it changed, signed anew
    // over the payload's encoding by `pae`.
    using Pae = std::function<Bytes(std::string_view type, ByteView payload)>;
    void forge(const std::function<void(json::Object& statement)>& edit,
               const Pae& pae = crypto::dsse_pae) {
        edit_envelope([&](json::Object& envelope) {
            const Bytes payload = from_base64(json::get_string(envelope, "payload")).value();
            json::Value statement = json::parse(as_text(payload)).value();
            edit(statement.as_object());
            const std::string text = json::write(statement);
            envelope["payload"] = to_base64(as_bytes(text));
            envelope["signatures"].as_array()[0].as_object()["sig"] =
                to_base64(key.sign(pae(kPayloadType, as_bytes(text))));
        });
    }

    void edit_envelope(const std::function<void(json::Object& envelope)>& edit) {
        json::Value whole = json::parse(*bundle).value();
        edit(whole.as_object()["dsseEnvelope"].as_object());
        bundle = json::write(whole);
    }

    // Flips the lowest bit of one byte of a base64 field's content.
    static void flip(json::Object& in, std::string_view field) {
        Bytes bytes = from_base64(json::get_string(in, field)).value();
        bytes[bytes.size() / 2] ^= 1;
        in[field] = to_base64(bytes);
    }

    // With this certificate chain for the key: leaf, then authorities.
    void show_certificates(const std::vector<std::string>& chain_pem) {
        json::Array certificates;
        for (const std::string& pem : chain_pem) {
            std::string der;
            for (std::string_view line : split_lines(pem)) {
                if (!line.starts_with("-----")) der += line;
            }
            certificates.push_back(json::Object{{"rawBytes", der}});
        }
        json::Value whole = json::parse(*bundle).value();
        whole.as_object()["verificationMaterial"] =
            json::Object{{"x509CertificateChain", json::Object{{"certificates", certificates}}},
                         {"tlogEntries", json::Array()}};
        bundle = json::write(whole);
    }

    static std::vector<std::string_view> split_lines(std::string_view text) {
        std::vector<std::string_view> lines;
        while (!text.empty()) {
            const std::size_t end = std::min(text.find('\n'), text.size() - 1);
            lines.push_back(text.substr(0, end));
            text.remove_prefix(end + 1);
        }
        return lines;
    }

    // "allowed", or the reasons in brackets that the refusal begins with.
    std::string verdict() const {
        std::vector<FileToScan> list;
        for (const auto& [path, content] : files) list.push_back({path, as_bytes(content)});
        const Result<TrustDecision> decision = judge_model(policy, bundle, list, now);
        if (decision.ok()) return decision->allowed ? "allowed" : "neither";
        EXPECT_EQ(decision.status().code(), Code::kPermissionDenied);
        std::string reasons;
        std::string_view rest = decision.status().message();
        while (rest.starts_with('[') && rest.find(']') != std::string_view::npos) {
            reasons += rest.substr(0, rest.find(']') + 1);
            rest.remove_prefix(rest.find(']') + 1);
            if (rest.starts_with(' ')) rest.remove_prefix(1);
        }
        return reasons;
    }
};

json::Object& first_resource(json::Object& statement) {
    return statement["predicate"].as_object()["resources"].as_array()[0].as_object();
}

json::Object& subject_digest(json::Object& statement) {
    return statement["subject"].as_array()[0].as_object()["digest"].as_object();
}

using Edit = std::function<void(Offer&)>;

struct Case {
    std::string_view what;
    Edit edit;
    std::string_view reason;
};

std::vector<Case> signature_attacks() {
    const std::string_view bad = "[untrusted-signature][bad-signature]";
    return {
        {"nothing", [](Offer&) {}, "allowed"},
        {"A1 unsigned", [](Offer& o) { o.bundle.reset(); }, "[unsigned]"},
        {"A1 an empty signature", [](Offer& o) { o.bundle = ""; },
         "[untrusted-signature][bad-bundle]"},
        {"A2 wrong key", [](Offer& o) { o.sign(crypto::PrivateKey::generate()); },
         "[untrusted-signature][untrusted-key]"},
        {"A2 wrong key in the name of the right one",
         [](Offer& o) {
             o.key = crypto::PrivateKey::generate();
             o.forge([](json::Object&) {});
         },
         bad},
        {"A3 right key, other model", [](Offer& o) { o.files["m.onnx"] = model_of("fan"); },
         "[file-mismatch][changed-file]"},
        {"A4 flipped payload bit",
         [](Offer& o) { o.edit_envelope([](json::Object& e) { Offer::flip(e, "payload"); }); },
         bad},
        {"A5 flipped signature",
         [](Offer& o) {
             o.edit_envelope([](json::Object& e) {
                 Offer::flip(e["signatures"].as_array()[0].as_object(), "sig");
             });
         },
         bad},
        {"A5 no signature",
         [](Offer& o) {
             o.edit_envelope(
                 [](json::Object& e) { e["signatures"].as_array()[0].as_object()["sig"] = ""; });
         },
         bad},
        {"A6 the old, wrong PAE",
         [](Offer& o) {
             o.forge([](json::Object&) {},
                     [](std::string_view type, ByteView payload) {
                         Bytes pae = crypto::dsse_pae(type, payload);
                         pae[4] = 'V';  // DSSEV1
                         return pae;
                     });
         },
         bad},
        {"A6 the bare payload",
         [](Offer& o) {
             o.forge([](json::Object&) {},
                     [](std::string_view, ByteView payload) {
                         return Bytes(payload.begin(), payload.end());
                     });
         },
         bad},
        {"A7 wrong payloadType",
         [](Offer& o) {
             o.edit_envelope([](json::Object& e) { e["payloadType"] = "application/json"; });
         },
         "[untrusted-signature][payload-type]"},
    };
}

// By a holder of a key that is trusted.
std::vector<Case> statement_attacks() {
    return {
        {"A8 wrong _type",
         [](Offer& o) {
             o.forge([](json::Object& s) { s["_type"] = "https://in-toto.io/Statement/v0.1"; });
         },
         "[untrusted-signature][statement-type]"},
        {"A9 wrong predicateType",
         [](Offer& o) {
             o.forge([](json::Object& s) {
                 s["predicateType"] = "https://model_signing/Digests/v0.1";
             });
         },
         "[untrusted-signature][predicate-type]"},
        {"A10 two subjects",
         [](Offer& o) {
             o.forge([](json::Object& s) {
                 json::Array& subjects = s["subject"].as_array();
                 subjects.push_back(json::Value(subjects[0]));
             });
         },
         "[untrusted-signature][subject-count]"},
        {"A10 no subject",
         [](Offer& o) { o.forge([](json::Object& s) { s["subject"] = json::Array(); }); },
         "[untrusted-signature][subject-count]"},
        {"A11 root digest of other files",
         [](Offer& o) {
             o.forge([](json::Object& s) { subject_digest(s)["sha256"] = std::string(64, '0'); });
         },
         "[untrusted-signature][root-digest-mismatch]"},
        {"A11 no root digest",
         [](Offer& o) { o.forge([](json::Object& s) { subject_digest(s).erase("sha256"); }); },
         "[untrusted-signature][root-digest-mismatch]"},
        {"A11 a file's digest changed, the root kept",
         [](Offer& o) {
             o.files["m.onnx"] = model_of("fan");
             const std::string other = crypto::sha256(as_bytes(o.files["m.onnx"])).hex();
             o.forge([&](json::Object& s) { first_resource(s)["digest"] = other; });
         },
         "[untrusted-signature][root-digest-mismatch]"},
    };
}

std::vector<Case> file_attacks() {
    return {
        {"A12 extra file", [](Offer& o) { o.files["w.bin"] = "x"; }, "[file-mismatch][extra-file]"},
        {"A12 an extra file that the default ignores",
         [](Offer& o) { o.files[".git/config"] = "x"; }, "[file-mismatch][extra-file]"},
        {"A13 missing file", [](Offer& o) { o.files.erase("notes"); },
         "[file-mismatch][missing-file]"},
        {"A13 all files are missing", [](Offer& o) { o.files.clear(); },
         "[file-mismatch][missing-file]"},
        {"A12 and A13: another name",
         [](Offer& o) {
             o.files["M.onnx"] = o.files["m.onnx"];
             o.files.erase("m.onnx");
         },
         "[file-mismatch][missing-file]"},
    };
}

TEST(ModelAttacks, A1ToA15EachIsRefusedForItsReason) {
    for (const std::vector<Case>& cases :
         {signature_attacks(), statement_attacks(), file_attacks()}) {
        for (const Case& c : cases) {
            Offer offer;
            c.edit(offer);
            EXPECT_EQ(offer.verdict(), c.reason) << c.what;
        }
    }
}

TEST(ModelAttacks, A15ASignedPathStaysBelowTheModel) {
    for (const std::string path :
         {"../m.onnx", "a/../../m.onnx", "/m.onnx", "./m.onnx", "a//b", "a/", "", ".", ".."}) {
        Offer offer;
        offer.forge([&](json::Object& s) { first_resource(s)["name"] = path; });
        EXPECT_EQ(offer.verdict(), "[untrusted-signature][bad-path]") << path;
        EXPECT_FALSE(sign_model({"m", {{path, Digest()}}, {}}, offer.key).ok()) << path;
    }
}

// A file that is listed twice would let the second stand for what nobody compared.
TEST(ModelAttacks, A3AFileListedTwiceIsNotBelieved) {
    Offer offer;
    offer.forge([](json::Object& s) {
        json::Array& list = s["predicate"].as_object()["resources"].as_array();
        list.push_back(json::Value(list[0]));
        crypto::Sha256 root;
        for (const json::Value& item : list) {
            const Digest digest =
                Digest::parse("sha256:" + std::string(json::get_string(item, "digest"))).value();
            root.update(digest.bytes());
        }
        subject_digest(s)["sha256"] = root.finish().hex();
    });
    EXPECT_EQ(offer.verdict(), "[file-mismatch][missing-file]");
}

TEST(ModelAttacks, A16CertificatesOutOfTimeOrForSomethingElse) {
    const Instant start{std::chrono::hours(24 * 365 * 50)};
    const crypto::Credential root = crypto::make_ca("root", start, 365 * kDay).value();
    const crypto::Credential other = crypto::make_ca("root", start, 365 * kDay).value();
    const crypto::Credential server =
        crypto::issue_server_certificate(root, {{"signer"}, {}}, start, 30 * kDay).value();
    struct Case {
        std::string_view what;
        Instant now;
        std::string trusted;
    };
    const std::vector<Case> cases{
        {"A16 ended", start + 31 * kDay, root.certificate_pem},
        {"A16 not begun", start - 31 * kDay, root.certificate_pem},
        {"A16 of another authority", start + kDay, other.certificate_pem},
        {"A16 for TLS servers", start + kDay, root.certificate_pem},
    };
    for (const Case& c : cases) {
        Offer offer;
        offer.key = server.key;
        offer.sign(offer.key);
        offer.show_certificates({server.certificate_pem});
        offer.policy.keys.clear();
        offer.policy.ca_pems = {c.trusted};
        offer.now = c.now;
        EXPECT_EQ(offer.verdict(), "[untrusted-signature][untrusted-certificate]") << c.what;
    }
}

}  // namespace
}  // namespace hf::trust
