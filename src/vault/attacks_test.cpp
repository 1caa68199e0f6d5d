// Attacks on models on their way and at rest (edge-trust cases A14 and A37 to A45), against the
// registry client and the vault: whatever a registry says, nothing gets a name but the bytes that
// were promised, and the next honest pull works. Deltas have theirs in delta/hostile_test.cpp and
// registry_delta_test.cpp.

#include <functional>

#include <gtest/gtest.h>

#include "testing/memory_files.h"
#include "vault/model_pack.h"
#include "vault/registry.h"

namespace hf::vault {
namespace {

using testing::MemoryFiles;

constexpr std::string_view kWeights = "weights that are long enough to be cut in the middle";

// A vault with the model "pump:1" of one file.
Descriptor push_model(Vault& vault) {
    const auto push = vault.begin_push().value();
    const Descriptor blob = push->put(as_bytes(kWeights), kWeightType).value();
    PackedModel model;
    model.files.push_back({"m", blob.media_type, blob.digest, blob.size_bytes});
    const ModelDocuments documents = pack_model(model);
    EXPECT_TRUE(push->put(as_bytes(documents.config), kConfigType).ok());
    const Descriptor manifest = push->put(as_bytes(documents.manifest), kManifestType).value();
    EXPECT_EQ(push->tag(manifest, "pump:1"), Status());
    return manifest;
}

// A request for the weights, and how it is answered.
struct Asked {
    const http::ClientRequest& request;
    std::size_t turn;      // which request for the weights it is, from 0
    std::uint64_t offset;  // where its range begins; 0 without one
    bool probe;            // for one byte, to see whether ranges are known
};

class LyingRegistry final : public http::Client {
public:
    using Answer = std::function<Result<http::Response>(const Asked&)>;

    explicit LyingRegistry(Answer answer) : answer_(std::move(answer)) {
        manifest_ = push_model(*vault_);
    }

    static Result<http::Response> send_bytes(const Asked& asked, int status, ByteView bytes) {
        http::Response response;
        response.status = status;
        if (asked.request.sink) HF_TRY(asked.request.sink(bytes));
        return response;
    }

    // As an honest registry would go on from the offset.
    static Result<http::Response> go_on(const Asked& asked, std::string_view content = kWeights) {
        const std::string_view rest = content.substr(asked.offset, asked.probe ? 1 : content.npos);
        return send_bytes(asked, asked.offset > 0 ? 206 : 200, as_bytes(rest));
    }

    static Result<http::Response> break_off(const Asked& asked) {
        HF_TRY(send_bytes(asked, 200, as_bytes(kWeights.substr(0, kWeights.size() / 2))));
        return unavailable("the connection broke");
    }

    Result<http::Response> send(const http::ClientRequest& request) override {
        const std::string& url = request.url;
        if (url.find("/manifests/") != std::string::npos) {
            return send_bytes({request, 0, 0, false}, 200,
                              vault_->open_blob(manifest_.digest).value()->bytes());
        }
        const Digest digest = Digest::parse(url.substr(url.rfind('/') + 1)).value();
        if (digest != crypto::sha256(as_bytes(kWeights))) {
            return send_bytes({request, 0, 0, false}, 200,
                              vault_->open_blob(digest).value()->bytes());
        }
        const std::string range(request.headers.get("Range").value_or("bytes=0-"));
        const std::uint64_t offset = std::stoul(range.substr(6));
        return answer_({request, turns_++, offset, !range.ends_with('-')});
    }

private:
    Answer answer_;
    MemoryFiles files_;
    std::unique_ptr<Vault> vault_ = Vault::open(files_, "/v").value();
    Descriptor manifest_;
    std::size_t turns_ = 0;
};

Status pull(Vault& vault, LyingRegistry::Answer answer) {
    LyingRegistry registry(std::move(answer));
    return Registry(registry, parse_reference("registry.example/pump:1").value(), {})
        .pull(vault)
        .status();
}

void expect_honest_pull_works(Vault& vault) {
    const auto honest = [](const Asked& asked) { return LyingRegistry::go_on(asked); };
    ASSERT_EQ(pull(vault, honest), Status());
    const auto model =
        open_model(vault, read_model(vault, parse_reference("pump:1").value()).value()).value();
    EXPECT_EQ(as_text(model.find("m")->bytes()), kWeights);
}

TEST(TransportAttacks, A37ToA44NothingButThePromisedBytesGetsIn) {
    using Lie = LyingRegistry;
    std::string other(kWeights);
    other.back() = 'X';
    struct Case {
        std::string_view what;
        Lie::Answer answer;
        Code code;
    };
    const std::vector<Case> cases{
        {"A37 other bytes", [&](const Asked& a) { return Lie::go_on(a, other); }, Code::kDataLoss},
        {"A40 cut, then other bytes",
         [&](const Asked& a) { return a.turn == 0 ? Lie::break_off(a) : Lie::go_on(a, other); },
         Code::kDataLoss},
        {"A40 other bytes, cut, then the right ones",
         [&](const Asked& a) -> Result<http::Response> {
             if (a.turn > 0) return Lie::go_on(a);
             HF_TRY(Lie::send_bytes(a, 200, as_bytes("WEIGHTS")));
             return unavailable("the connection broke");
         },
         Code::kDataLoss},
        {"A41 a range from the beginning",
         [](const Asked& a) -> Result<http::Response> {
             if (a.turn == 0) return Lie::break_off(a);
             return a.probe ? Lie::go_on(a) : Lie::send_bytes(a, 206, as_bytes(kWeights));
         },
         Code::kResourceExhausted},
        {"A41 a range one byte on",
         [](const Asked& a) -> Result<http::Response> {
             if (a.turn == 0) return Lie::break_off(a);
             return a.probe ? Lie::go_on(a)
                            : Lie::send_bytes(a, 206, as_bytes(kWeights.substr(a.offset + 1)));
         },
         Code::kDataLoss},
        {"A41 a range that nobody asked for",
         [](const Asked& a) { return Lie::send_bytes(a, 206, as_bytes(kWeights.substr(9))); },
         Code::kDataLoss},
        {"A41 more than there is",
         [&](const Asked& a) { return Lie::go_on(a, other + "and more"); },
         Code::kResourceExhausted},
        {"A42 what another origin had",
         [](const Asked& a) { return Lie::go_on(a, "<html>please log in</html>"); },
         Code::kDataLoss},
        {"A44 compressed though nobody asked",
         [](const Asked& a) { return Lie::go_on(a, "\x1f\x8b\x08\x04 and so on"); },
         Code::kDataLoss},
        {"A44 endless",
         [](const Asked& a) -> Result<http::Response> {
             for (;;) HF_TRY(Lie::send_bytes(a, 200, as_bytes(kWeights)));
         },
         Code::kResourceExhausted},
        {"A40 cut for ever", [](const Asked& a) { return Lie::break_off(a); }, Code::kUnavailable},
    };
    for (const Case& c : cases) {
        SCOPED_TRACE(c.what);
        MemoryFiles files;
        const auto vault = Vault::open(files, "/w").value();
        const Status refused = pull(*vault, c.answer);
        EXPECT_EQ(refused.code(), c.code) << refused.to_string();
        EXPECT_TRUE(vault->list()->empty());
        EXPECT_FALSE(vault->holds(crypto::sha256(as_bytes(kWeights))));
        for (const std::string& path : files.paths())
            EXPECT_EQ(path.find(".tmp-"), std::string::npos) << path;
        expect_honest_pull_works(*vault);
    }
}

TEST(TransportAttacks, A45AFullDiskAtAnyWriteLeavesNothingHalf) {
    std::uint64_t refused = 0;
    for (std::uint64_t writes = 0;; ++writes) {
        SCOPED_TRACE(writes);
        MemoryFiles files;
        const auto vault = Vault::open(files, "/w").value();
        files.fill_after(writes);
        const Status status = pull(*vault, [](const Asked& a) { return LyingRegistry::go_on(a); });
        files.restart();
        if (status.ok()) break;
        ++refused;
        EXPECT_EQ(status.code(), Code::kResourceExhausted) << status.to_string();
        EXPECT_TRUE(vault->check()->problems.empty());
        expect_honest_pull_works(*vault);
    }
    EXPECT_GT(refused, 5u);
}

// The model was opened, and so verified; then its path means something else. That a link there is
// not followed, and that a mapping outlives its path, are tests of posix (files_test.cpp).
TEST(VaultAttacks, A14ABlobThatIsSwappedAfterItWasVerified) {
    MemoryFiles files;
    const auto vault = Vault::open(files, "/v").value();
    push_model(*vault);
    const auto open = [&] {
        return open_model(*vault, read_model(*vault, parse_reference("pump:1").value()).value());
    };
    const OpenModel verified = open().value();
    const std::string blob = "/v/blobs/sha256/" + crypto::sha256(as_bytes(kWeights)).hex();
    files.overwrite(blob, to_bytes("weights that somebody else would like to be run....."));
    EXPECT_EQ(as_text(verified.find("m")->bytes()), kWeights)
        << "what was verified is what is used, whatever its path means now";
    EXPECT_EQ(open().status().code(), Code::kDataLoss) << "nobody believes it the next time";
    EXPECT_EQ(vault->check()->problems.size(), 1u);
}

}  // namespace
}  // namespace hf::vault
