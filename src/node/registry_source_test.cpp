// A machine's models from its server's registry, over TLS: with room on the disk, without, and with
// room that garbage holds.

#include "node/registry_source.h"

#include <ctime>

#include <gtest/gtest.h>

#include "crypto/certificates.h"
#include "crypto/svid.h"
#include "http/server.h"
#include "node/disk_room.h"
#include "testing/manual_clock.h"
#include "testing/memory_files.h"
#include "vault/model_pack.h"
#include "vault/registry_delta.h"
#include "vault/registry_server.h"

namespace hf::node {
namespace {

constexpr Duration kDay = std::chrono::hours(24);

// A server with "pump:v1" in its vault.
class ServedModel {
public:
    ServedModel() {
        const Instant now{std::chrono::seconds(std::time(nullptr))};
        const crypto::Credential root = crypto::make_root("root", now - kDay, 9 * kDay).value();
        const crypto::Credential authority =
            crypto::issue_intermediate(root, "authority", now - kDay, 9 * kDay).value();
        const crypto::Credential own =
            crypto::issue_server_certificate(authority, {{}, {"127.0.0.1"}}, now, kDay).value();
        http::ServerOptions options;
        options.tls.emplace();
        options.tls->certificate_pem =
            own.certificate_pem + authority.certificate_pem + root.certificate_pem;
        options.tls->key_pem = own.key.pem();
        http::Router router;
        vault::add_registry_routes(router, registry_);
        server_ = http::Server::start(std::move(options), std::move(router)).value();
        servers_.replace({url()});
        root_ = crypto::certificate_digest(root.certificate_pem).value();

        const auto push = vault_->begin_push().value();
        const Bytes weights(100'000, 7);
        const vault::Descriptor blob = push->put(weights, vault::kWeightType).value();
        vault::PackedModel model;
        model.files.push_back({"m", blob.media_type, blob.digest, blob.size_bytes});
        const vault::ModelDocuments documents = vault::pack_model(model);
        EXPECT_TRUE(push->put(as_bytes(documents.config), vault::kConfigType).ok());
        const auto manifest = push->put(as_bytes(documents.manifest), vault::kManifestType).value();
        EXPECT_EQ(push->tag(manifest, "pump:v1"), Status());
        manifest_ = manifest.digest;
    }

    RegistrySourceOptions options() {
        RegistrySourceOptions options;
        options.servers = &servers_;
        options.credentials = [root = root_]() -> Result<http::ClientOptions> {
            http::ClientOptions client;
            client.tls13_only = true;
            client.pinned_ca_sha256 = root;
            return client;
        };
        return options;
    }
    const Digest& manifest() const { return manifest_; }
    std::string url() const { return fmt::format("https://127.0.0.1:{}", server_->port()); }
    Servers& servers() { return servers_; }

private:
    testing::MemoryFiles files_;
    std::unique_ptr<vault::Vault> vault_ = vault::Vault::open(files_, "/v").value();
    vault::RegistryServer registry_{*vault_, {}};
    std::unique_ptr<http::Server> server_;
    Servers servers_{{"https://127.0.0.1:1"}};
    Digest root_, manifest_;
};

class RegistrySourceTest : public ::testing::Test {
protected:
    Status fetch() { return source_->fetch({"pump:v1", served_.manifest(), std::nullopt}); }
    // All but locks.
    std::vector<std::string> stored() const {
        std::vector<std::string> paths = files_.paths();
        std::erase_if(paths, [](const std::string& path) { return path.ends_with(".lock"); });
        return paths;
    }
    bool arrived() {
        vault::Reference reference;
        reference.digest = served_.manifest();
        return vault::read_model(*vault_, reference).ok();
    }

    void leave_room(std::uint64_t bytes) { free_bytes_ = bytes; }

    ServedModel served_;
    std::uint64_t free_bytes_ = std::uint64_t{1} << 40;
    testing::MemoryFiles files_;
    testing::ManualClock clock_;
    std::unique_ptr<vault::Vault> vault_ = vault::Vault::open(files_, "/w").value();
    std::vector<std::string> remarks_;
    std::unique_ptr<ModelSource> source_ = [this] {
        RegistrySourceOptions options = served_.options();
        options.free_bytes = [this](const std::string& path) -> Result<std::uint64_t> {
            EXPECT_EQ(path, "/w");
            return free_bytes_;
        };
        options.on_remark = [this](const std::string& remark) { remarks_.push_back(remark); };
        return make_registry_source({*vault_, files_, clock_}, std::move(options));
    }();
};

TEST_F(RegistrySourceTest, WithoutRoomNothingIsFetchedAndItPassesOnceThereIs) {
    leave_room(kDiskReserveBytes + 1000);
    const std::vector<std::string> before = stored();
    const Status full = fetch();
    EXPECT_TRUE(says_disk_full(full)) << full.to_string();
    EXPECT_NE(full.message().find("/w lacks room: 97."), std::string::npos) << full.to_string();
    EXPECT_EQ(stored(), before);
    EXPECT_FALSE(arrived());
    leave_room(kDiskReserveBytes + 200'000);
    EXPECT_EQ(fetch(), Status());
    EXPECT_TRUE(arrived());
    leave_room(0);
    EXPECT_EQ(fetch(), Status()) << "what is there already needs no room";
}

TEST_F(RegistrySourceTest, GarbageMakesRoomFirst) {
    {
        const auto push = vault_->begin_push().value();
        ASSERT_TRUE(push->put(Bytes(5000, 1), vault::kWeightType).ok());
    }
    leave_room(kDiskReserveBytes + 1000);
    EXPECT_TRUE(says_disk_full(fetch()));
    ASSERT_EQ(remarks_.size(), 1u);
    EXPECT_EQ(remarks_[0], "4.9 KiB of blobs that nothing names were removed to make room");
    EXPECT_TRUE(says_disk_full(fetch()));
    EXPECT_EQ(remarks_.size(), 1u) << "there is no more";
}

// Versions of earlier orders do not fill the disk of a machine that gets updates for years.
TEST_F(RegistrySourceTest, VersionsThatAreInUseNoMoreGo) {
    const auto fetched_before = [&](int number) {
        const auto push = vault_->begin_push().value();
        const std::string text =
            R"({"schemaVersion":2,"config":{"mediaType":"a/b","digest":")" +
            push->put(Bytes(3000, static_cast<std::uint8_t>(number)), "a/b")->digest.to_string() +
            R"(","size":3000},"layers":[]})";
        vault::Descriptor manifest = push->put(to_bytes(text), vault::kManifestType).value();
        manifest.annotations[std::string(vault::kRepositoryAnnotation)] = "pump";
        EXPECT_EQ(push->tag(manifest, ""), Status());
        return manifest.digest;
    };
    std::vector<Digest> old;
    for (int i = 0; i < 5; ++i) old.push_back(fetched_before(i));
    const auto held = [&] {
        std::string held;
        for (const Digest& digest : old) held += vault_->holds(digest) ? 'x' : '-';
        return held;
    };
    const std::vector<std::string> in_use{old[0].to_string()};
    EXPECT_EQ(source_->fetch({"pump:v1", served_.manifest(), std::nullopt, in_use}), Status());
    EXPECT_EQ(held(), "x--xx") << "what is in use, and two that were";
    EXPECT_TRUE(arrived());
}

TEST_F(RegistrySourceTest, AFullDiskMakesThemGoAtOnce) {
    vault::Descriptor manifest;
    {
        const auto push = vault_->begin_push().value();
        const std::string text = R"({"schemaVersion":2,"config":{"mediaType":"a/b","digest":")" +
                                 push->put(Bytes(5000, 1), "a/b")->digest.to_string() +
                                 R"(","size":5000},"layers":[]})";
        manifest = push->put(to_bytes(text), vault::kManifestType).value();
        manifest.annotations[std::string(vault::kRepositoryAnnotation)] = "pump";
        ASSERT_EQ(push->tag(manifest, ""), Status());
    }
    leave_room(kDiskReserveBytes + 1000);
    EXPECT_TRUE(says_disk_full(fetch()));
    EXPECT_EQ(remarks_.size(), 1u);
    EXPECT_FALSE(vault_->holds(manifest.digest));
}

TEST_F(RegistrySourceTest, AServerThatIsGoneLosesItsTurn) {
    const std::string nobody = "https://127.0.0.1:1";
    served_.servers().replace({nobody, served_.url()});
    served_.servers().failed(served_.url());
    ASSERT_EQ(served_.servers().current(), nobody);
    EXPECT_EQ(fetch().code(), Code::kUnavailable);
    EXPECT_EQ(fetch(), Status());
    served_.servers().failed(served_.url());
    EXPECT_EQ(source_->resolve("pump:v1").status().code(), Code::kUnavailable);
    EXPECT_EQ(source_->resolve("pump:v1").value(), served_.manifest());
}

}  // namespace
}  // namespace hf::node
