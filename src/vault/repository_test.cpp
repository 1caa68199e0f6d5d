#include "vault/repository.h"

#include <thread>

#include "vault/served_vault_test.h"

namespace hf::vault {
namespace {

struct Shelf {
    testing::MemoryFiles files;
    std::unique_ptr<Vault> vault = Vault::open(files, "/v").value();

    // Adds a document without asking whether all that it names is there; its descriptor.
    Descriptor add(const json::Object& document, std::string_view type = kManifestType) {
        const std::string text = json::write(document);
        const Digest digest = crypto::sha256(as_bytes(text));
        files.overwrite("/v/blobs/sha256/" + digest.hex(), to_bytes(text));
        return {std::string(type), digest, text.size(), {}};
    }

    // What index.json names from now on.
    void name(std::vector<std::pair<std::string, Descriptor>> entries) {
        json::Array manifests;
        for (auto& [name, entry] : entries) {
            if (!name.empty()) entry.annotations[std::string(kNameAnnotation)] = name;
            manifests.push_back(write_descriptor(entry));
        }
        files.overwrite(
            "/v/index.json",
            to_bytes(json::write(json::Object{{"schemaVersion", 2}, {"manifests", manifests}})));
    }
};

json::Object blob_entry(char digit, std::uint64_t size = 1) {
    return {
        {"mediaType", kWeightType}, {"digest", "sha256:" + std::string(64, digit)}, {"size", size}};
}

json::Object manifest_of(char digit) {
    return {{"schemaVersion", 2}, {"layers", json::Array{blob_entry(digit)}}};
}

json::Object attached_to(const Descriptor& subject) {
    return {{"schemaVersion", 2}, {"subject", write_descriptor(subject)}};
}

Digest digest_of(char digit) {
    return Digest::parse("sha256:" + std::string(64, digit)).value();
}

TEST(Repository, ReachesConfigLayersAndNoMore) {
    Shelf shelf;
    json::Object document = manifest_of('1');
    document["config"] = blob_entry('2', 7);
    shelf.name({{"pump:v1", shelf.add(document)}, {"fan:v1", shelf.add(manifest_of('3'))}});
    Repositories repositories(*shelf.vault);
    const Repository pump = repositories.find("pump").value();
    EXPECT_EQ(pump.find_blob(digest_of('1')), 1U);
    EXPECT_EQ(pump.find_blob(digest_of('2')), 7U);
    EXPECT_EQ(pump.find_blob(digest_of('3')), std::nullopt);
    for (const char* none : {"", "pum", "pump:v1", "pump/", "PUMP", "v1"}) {
        EXPECT_EQ(repositories.find(none).status().code(), Code::kNotFound) << none;
    }
}

TEST(Repository, NamesOnlyWhatCanBeAskedFor) {
    Shelf shelf;
    const Descriptor some = shelf.add(manifest_of('1'));
    shelf.name({{"b:1", some},
                {"a/c:1", some},
                {"b:2", some},
                {"", some},
                {"latest", some},
                {":1", some},
                {"b:", some},
                {"../b:1", some},
                {"b:1/2", some},
                {"host:5000/b:1", some},
                {"B:1", some}});
    Repositories repositories(*shelf.vault);
    EXPECT_EQ(repositories.names().value(), (std::vector<std::string>{"a/c", "b"}));
}

TEST(Repository, RefusesATagThatMeansTwoManifests) {
    Shelf shelf;
    const Descriptor one = shelf.add(manifest_of('1')), two = shelf.add(manifest_of('2'));
    shelf.name({{"pump:v1", one}, {"pump:v1", two}, {"fan:v1", one}, {"fan:v1", one}});
    Repositories repositories(*shelf.vault);
    EXPECT_EQ(repositories.find("pump").status().code(), Code::kInvalidArgument);
    EXPECT_EQ(repositories.find("fan")->tags.size(), 1U);
}

TEST(Repository, SkipsManifestsThatCannotBeRead) {
    Shelf shelf;
    const Descriptor good = shelf.add(manifest_of('1'));
    Descriptor damaged = shelf.add(manifest_of('2')), larger = shelf.add(manifest_of('3'));
    const Descriptor nonsense = shelf.add({{"schemaVersion", 1}});
    const Descriptor odd = shelf.add({{"schemaVersion", 2}, {"subject", "none"}});
    shelf.files.overwrite("/v/blobs/sha256/" + damaged.digest.hex(), to_bytes("{}"));
    larger.size_bytes = kMaxDocumentBytes + 1;
    shelf.name({{"pump:bad", damaged},
                {"pump:large", larger},
                {"pump:old", nonsense},
                {"pump:odd", odd},
                {"", nonsense},
                {"pump:good", good}});
    const Repository pump = Repositories(*shelf.vault).find("pump").value();
    EXPECT_EQ(pump.tags.size(), 5U);
    EXPECT_EQ(pump.manifests.size(), 1U);
    EXPECT_TRUE(pump.find_blob(digest_of('1')).has_value());
    EXPECT_FALSE(pump.find_blob(digest_of('2')).has_value());
    EXPECT_FALSE(pump.find_blob(digest_of('3')).has_value());
}

TEST(Repository, FollowsIndexesAndAttachmentsSoFarAndNoFarther) {
    Shelf shelf;
    Descriptor index = shelf.add(manifest_of('1'));
    for (int depth = 0; depth < 8; ++depth) {
        index =
            shelf.add({{"schemaVersion", 2}, {"manifests", json::Array{write_descriptor(index)}}},
                      kIndexType);
    }
    Descriptor attached = shelf.add(manifest_of('2'));
    std::vector<std::pair<std::string, Descriptor>> entries{{"deep:1", index},
                                                            {"pump:1", attached}};
    for (int depth = 0; depth < 8; ++depth) {
        attached = shelf.add(attached_to(attached));
        entries.insert(entries.begin(), {"", attached});  // the farthest first
    }
    shelf.name(entries);
    Repositories repositories(*shelf.vault);
    const Repository deep = repositories.find("deep").value();
    EXPECT_EQ(deep.manifests.size(), 5U);
    EXPECT_FALSE(deep.find_blob(digest_of('1')).has_value());
    EXPECT_EQ(repositories.find("pump")->manifests.size(), 5U);
}

// With next to no memory the answers are the same, and from several threads.
TEST(Repository, ForgetsWhatItReadAndReadsItAgain) {
    Shelf shelf;
    std::vector<std::pair<std::string, Descriptor>> entries;
    for (char digit = '0'; digit <= '9'; ++digit) {
        entries.emplace_back(fmt::format("p{}:1", digit), shelf.add(manifest_of(digit)));
    }
    shelf.name(entries);
    for (const std::size_t bound : {std::size_t{0}, std::size_t{5}, kMaxCachedBlobs}) {
        Repositories repositories(*shelf.vault, bound);
        std::vector<std::thread> readers;
        std::atomic<int> wrong = 0;
        for (int i = 0; i < 4; ++i) {
            readers.emplace_back([&] {
                for (char digit = '0'; digit <= '9'; ++digit) {
                    const Result<Repository> found = repositories.find(fmt::format("p{}", digit));
                    const bool right = found.ok() && found->manifests.size() == 1 &&
                                       found->find_blob(digest_of(digit)) &&
                                       !found->find_blob(digest_of(digit == '0' ? '1' : '0'));
                    if (!right) ++wrong;
                }
            });
        }
        for (std::thread& reader : readers) reader.join();
        EXPECT_EQ(wrong, 0);
    }
}

TEST(Repository, ContentsSayWhatTheyAre) {
    const Descriptor entry{"from/the.index", {}, 0, {}};
    const auto read = [&](const json::Object& document) {
        return read_contents(entry, as_bytes(json::write(document))).value();
    };
    EXPECT_EQ(read({{"schemaVersion", 2}}).media_type, "from/the.index");
    EXPECT_EQ(read({{"schemaVersion", 2}, {"mediaType", "its/own"}}).media_type, "its/own");
    EXPECT_EQ(read({{"schemaVersion", 2}, {"config", blob_entry('1')}}).artifact_type, kWeightType);
    EXPECT_EQ(read({{"schemaVersion", 2},
                    {"config", blob_entry('1')},
                    {"artifactType", "a/b"},
                    {"annotations", json::Object{{"x", "y"}, {"number", 1}}}})
                  .annotations,
              (std::map<std::string, std::string>{{"x", "y"}}));
    for (const char* bad : {"", "[]", "{\"schemaVersion\":2,\"layers\":[1]}",
                            "{\"schemaVersion\":2,\"subject\":{\"digest\":\"sha256:0\"}}"}) {
        EXPECT_FALSE(read_contents(entry, as_bytes(bad)).ok()) << bad;
    }
}

}  // namespace
}  // namespace hf::vault
