#include "vault/vault.h"

#include <gtest/gtest.h>

#include "testing/crash_states.h"
#include "testing/memory_files.h"
#include "testing/script.h"
#include "vault/model_pack.h"

namespace hf::vault {
namespace {

using testing::MemoryFiles;

Reference named(std::string_view text) {
    return parse_reference(text).value();
}

// A model of two files, pushed under `name`; the content depends on `seed`.
Status push_model(env::Files& files, const std::string& name, int seed) {
    const std::unique_ptr<Vault> vault = HF_TRY(Vault::open(files, "/v"));
    const std::unique_ptr<Push> push = HF_TRY(vault->begin_push());
    PackedModel model;
    model.name = "pump";
    model.format = "onnx";
    model.entry = "model.onnx";
    for (const std::string path : {"model.onnx", "data/weights.bin"}) {
        const std::string content = fmt::format("{} {}", path, seed);
        const Descriptor blob = HF_TRY(push->put(as_bytes(content), kWeightType));
        model.files.push_back({path, blob.media_type, blob.digest, blob.size_bytes});
    }
    model.golden = HF_TRY(push->put(as_bytes("{}"), kGoldenType));
    const ModelDocuments documents = pack_model(model);
    HF_TRY(push->put(as_bytes(documents.config), kConfigType));
    const Descriptor manifest = HF_TRY(push->put(as_bytes(documents.manifest), kManifestType));
    return push->tag(manifest, name);
}

Result<OpenModel> open_by_name(env::Files& files, const std::string& name) {
    const std::unique_ptr<Vault> vault = HF_TRY(Vault::open_existing(files, "/v"));
    return open_model(*vault, HF_TRY(read_model(*vault, named(name))));
}

std::string content_of(const OpenModel& model, std::string_view path) {
    const auto map = model.find(path);
    return map ? std::string(as_text(map->bytes())) : "";
}

TEST(Vault, KeepsAndFindsModels) {
    MemoryFiles files;
    ASSERT_EQ(push_model(files, "pump:1", 1), Status());
    ASSERT_EQ(push_model(files, "pump:2", 2), Status());
    const OpenModel model = open_by_name(files, "pump:1").value();
    EXPECT_EQ(content_of(model, "model.onnx"), "model.onnx 1");
    EXPECT_EQ(content_of(model, "data/weights.bin"), "data/weights.bin 1");
    const auto vault = Vault::open_existing(files, "/v").value();
    const Descriptor found = vault->resolve(named("pump:2")).value();
    EXPECT_EQ(vault->resolve(named("pump@" + found.digest.to_string()))->digest, found.digest);
    EXPECT_EQ(vault->resolve(named(found.digest.to_string()))->digest, found.digest);
    const PackedModel packed = read_model(*vault, named("pump:2")).value();
    EXPECT_EQ(packed.entry, "model.onnx");
    EXPECT_EQ(packed.format, "onnx");
    EXPECT_EQ(packed.name, "pump");
    EXPECT_TRUE(packed.golden.has_value());
    EXPECT_FALSE(packed.signature.has_value());
}

// A push was killed between giving a blob its name and making that name safe. The next one finds
// the blob, does not write it again, and is acknowledged: then it must be safe.
TEST(Vault, APushAfterAKilledOneMakesItsBlobsSafe) {
    std::size_t whole = 0;
    for (std::size_t operations = 0; operations <= whole || whole == 0; ++operations) {
        const auto disk = std::make_shared<testing::Disk>();
        MemoryFiles files(disk);
        disk->record();
        if (whole > 0) disk->die_after_operations(operations);
        const Status killed = push_model(files, "pump:1", 1);
        if (whole == 0) {
            ASSERT_EQ(killed, Status());
            whole = disk->operation_count();
        }
        disk->restart();
        ASSERT_EQ(push_model(files, "pump:1", 1), Status()) << operations;
        const testing::CrashStates states(*disk);
        testing::CrashState state{states.operations(), {}};
        for (const std::size_t at : states.unsafe(states.operations())) {
            state.damage.push_back({at});
        }
        MemoryFiles left(std::make_shared<testing::Disk>(states.build(state)));
        const Result<OpenModel> model = open_by_name(left, "pump:1");
        ASSERT_TRUE(model.ok()) << operations << ": " << model.status().to_string();
    }
}

TEST(Vault, SaysWhatItDoesNotHave) {
    MemoryFiles files;
    ASSERT_EQ(push_model(files, "pump:1", 1), Status());
    const auto vault = Vault::open_existing(files, "/v").value();
    const Status status = vault->resolve(named("pomp:1")).status();
    EXPECT_EQ(status.code(), Code::kNotFound);
    EXPECT_NE(status.message().find("did you mean 'pump:1'"), std::string_view::npos);
    EXPECT_EQ(Vault::open_existing(files, "/elsewhere").status().code(), Code::kNotFound);
}

TEST(Vault, ATagMovesAndTheOldModelGoesWithTheNextCollection) {
    MemoryFiles files;
    ASSERT_EQ(push_model(files, "pump:1", 1), Status());
    ASSERT_EQ(push_model(files, "pump:1", 2), Status());
    const auto vault = Vault::open(files, "/v").value();
    EXPECT_EQ(vault->list()->size(), 1u);
    const GarbageReport report = vault->collect_garbage().value();
    EXPECT_EQ(report.blobs_removed, 4u);  // two files, config, manifest; the golden blob is shared
    EXPECT_EQ(report.blobs_kept, 5u);
    EXPECT_EQ(content_of(open_by_name(files, "pump:1").value(), "model.onnx"), "model.onnx 2");
    ASSERT_EQ(vault->untag("pump:1"), Status());
    EXPECT_EQ(vault->untag("pump:1").code(), Code::kNotFound);
    EXPECT_EQ(vault->collect_garbage()->blobs_removed, 5u);
}

TEST(Vault, TheCollectorSparesAPushUnderWay) {
    MemoryFiles files;
    const auto vault = Vault::open(files, "/v").value();
    auto push = vault->begin_push().value();
    const Descriptor blob = push->put(as_bytes("weights"), kWeightType).value();
    const GarbageReport during = vault->collect_garbage().value();
    EXPECT_TRUE(during.push_under_way);
    EXPECT_EQ(during.blobs_removed, 0u);
    EXPECT_TRUE(push->has(blob));
    push.reset();
    EXPECT_EQ(vault->collect_garbage()->blobs_removed, 1u);
}

TEST(Vault, NamesNothingThatIsIncomplete) {
    MemoryFiles files;
    const auto vault = Vault::open(files, "/v").value();
    const auto push = vault->begin_push().value();
    PackedModel model;
    model.files.push_back({"model.onnx", std::string(kWeightType), crypto::sha256({}), 0});
    const ModelDocuments documents = pack_model(model);
    const Descriptor manifest = push->put(as_bytes(documents.manifest), kManifestType).value();
    EXPECT_EQ(push->tag(manifest, "pump:1").code(), Code::kFailedPrecondition);
    EXPECT_TRUE(vault->list()->empty());
}

TEST(Vault, ABlobThatArrivesMustBeTheAnnouncedOne) {
    MemoryFiles files;
    const auto vault = Vault::open(files, "/v").value();
    const auto push = vault->begin_push().value();
    const std::string text = "weights";
    const Descriptor blob{"x/y", crypto::sha256(as_bytes(text)), text.size(), {}};
    auto longer = push->create(blob).value();
    EXPECT_EQ(longer->append(as_bytes("weights!")).code(), Code::kResourceExhausted);
    auto shorter = push->create(blob).value();
    ASSERT_EQ(shorter->append(as_bytes("weigh")), Status());
    EXPECT_EQ(shorter->commit().code(), Code::kDataLoss);
    auto other = push->create(blob).value();
    ASSERT_EQ(other->append(as_bytes("WEIGHTS")), Status());
    EXPECT_EQ(other->commit().code(), Code::kDataLoss);
    EXPECT_FALSE(push->has(blob));
    auto right = push->create(blob).value();
    ASSERT_EQ(right->append(as_bytes(text)), Status());
    ASSERT_EQ(right->commit(), Status());
    EXPECT_TRUE(push->has(blob));
}

TEST(Vault, ADamagedBlobIsNeverBelievedAndPushingMendsIt) {
    MemoryFiles files;
    ASSERT_EQ(push_model(files, "pump:1", 1), Status());
    for (const std::string& path : files.paths()) {
        Bytes bytes = files.read(path, 1u << 20).value();
        if (!path.starts_with("/v/blobs/") || as_text(bytes) != "model.onnx 1") continue;
        bytes[0] ^= 1;
        files.overwrite(path, bytes);
    }
    EXPECT_EQ(open_by_name(files, "pump:1").status().code(), Code::kDataLoss);
    const auto vault = Vault::open(files, "/v").value();
    EXPECT_EQ(vault->check()->problems.size(), 1u);
    ASSERT_EQ(push_model(files, "pump:1", 1), Status());
    EXPECT_TRUE(open_by_name(files, "pump:1").ok());
    EXPECT_TRUE(vault->check()->problems.empty());
}

// At every changing operation of a push: the power goes, or the disk is full. Whatever the vault
// names afterwards is whole: the old model or the new one, never a mixture; and the next push
// works.
class VaultTrouble : public ::testing::TestWithParam<const char*> {
protected:
    static void make_trouble(MemoryFiles& files, std::uint64_t after) {
        GetParam() == std::string_view("full") ? files.fill_after(after) : files.die_after(after);
    }
};

TEST_P(VaultTrouble, LeavesTheOldModelOrTheNewOne) {
    MemoryFiles first;
    ASSERT_EQ(push_model(first, "pump:1", 1), Status());
    const std::uint64_t before = first.changes();
    ASSERT_EQ(push_model(first, "pump:1", 2), Status());
    const std::uint64_t operations = first.changes() - before;
    ASSERT_GT(operations, 10u);
    std::size_t old_models = 0;
    for (std::uint64_t n = 0; n < operations; ++n) {
        SCOPED_TRACE(fmt::format("operation {}", n));
        MemoryFiles files;
        ASSERT_EQ(push_model(files, "pump:1", 1), Status());
        make_trouble(files, n);
        EXPECT_FALSE(push_model(files, "pump:1", 2).ok());
        files.restart();
        const Result<OpenModel> found = open_by_name(files, "pump:1");
        ASSERT_TRUE(found.ok()) << found.status().to_string();
        const std::string content = content_of(*found, "model.onnx");
        EXPECT_EQ(content_of(*found, "data/weights.bin"), "data/weights.bin" + content.substr(10));
        old_models += content == "model.onnx 1";
        const auto vault = Vault::open(files, "/v").value();
        EXPECT_TRUE(vault->check()->problems.empty());
        ASSERT_TRUE(vault->collect_garbage().ok());
        for (const std::string& path : files.paths()) {
            EXPECT_EQ(path.find(".tmp-"), std::string::npos) << path;
        }
        EXPECT_EQ(push_model(files, "pump:1", 2), Status());
        EXPECT_EQ(content_of(open_by_name(files, "pump:1").value(), "model.onnx"), "model.onnx 2");
    }
    EXPECT_GT(old_models, 0u);
}

TEST_P(VaultTrouble, LeavesAnEmptyVaultThatCanBeUsed) {
    MemoryFiles first;
    ASSERT_EQ(push_model(first, "pump:1", 1), Status());
    const std::uint64_t operations = first.changes();
    for (std::uint64_t n = 0; n < operations; ++n) {
        SCOPED_TRACE(fmt::format("operation {}", n));
        MemoryFiles files;
        make_trouble(files, n);
        EXPECT_FALSE(push_model(files, "pump:1", 1).ok());
        files.restart();
        const Result<OpenModel> found = open_by_name(files, "pump:1");
        EXPECT_TRUE(found.ok() || found.status().code() == Code::kNotFound)
            << found.status().to_string();
        EXPECT_EQ(push_model(files, "pump:1", 1), Status());
        EXPECT_TRUE(open_by_name(files, "pump:1").ok());
    }
}

INSTANTIATE_TEST_SUITE_P(All, VaultTrouble, ::testing::Values("full", "killed"),
                         [](const auto& info) { return std::string(info.param); });

TEST(Vault, HostileIndexesGetOneError) {
    const std::string digest = "sha256:" + std::string(64, 'a');
    const auto entry = [&](const std::string& members) {
        return R"({"schemaVersion":2,"manifests":[{)" + members + "}]}";
    };
    const std::vector<std::string> indexes{
        "",
        "{",
        "[]",
        R"({"schemaVersion":1,"manifests":[]})",
        R"({"schemaVersion":2})",
        R"({"schemaVersion":2,"manifests":[7]})",
        entry(R"("digest":")" + digest + R"(","size":1)"),
        entry(R"("mediaType":"a/b","digest":"sha256:../../../etc/passwd","size":1)"),
        entry(R"("mediaType":"a/b","digest":"sha512:aa","size":1)"),
        entry(R"("mediaType":"a/b","digest":")" + digest + R"(","size":-1)"),
        entry(R"("mediaType":"a/b","digest":")" + digest + R"(","size":1e300)"),
        entry(R"("mediaType":"a/b","digest":")" + digest + R"(","size":1,"annotations":[])"),
        entry(R"("mediaType":"a/b","digest":")" + digest + R"(","size":1,"annotations":{"a":1})"),
        std::string(100'000, '['),
    };
    for (const std::string& index : indexes) {
        MemoryFiles files;
        ASSERT_EQ(push_model(files, "pump:1", 1), Status());
        files.overwrite("/v/index.json", to_bytes(index));
        const auto vault = Vault::open(files, "/v").value();
        const Status status = vault->resolve(named("pump:1")).status();
        EXPECT_EQ(status.code(), Code::kInvalidArgument) << index << ": " << status.to_string();
        EXPECT_NE(status.message().find("/v/index.json"), std::string_view::npos) << index;
        // Where the index cannot be read nothing counts as unreferenced.
        const std::size_t before = files.paths().size();
        EXPECT_FALSE(vault->collect_garbage().ok());
        EXPECT_EQ(files.paths().size(), before);
    }
}

TEST(Vault, RefusesAFolderThatIsSomethingElse) {
    MemoryFiles files;
    ASSERT_EQ(files.create_directories("/v"), Status());
    ASSERT_EQ(files.write("/v/holiday.jpg", as_bytes("x")), Status());
    const Status status = Vault::open(files, "/v").status();
    EXPECT_EQ(status.code(), Code::kFailedPrecondition);
    EXPECT_NE(status.message().find("holiday.jpg"), std::string_view::npos);
}

}  // namespace
}  // namespace hf::vault
