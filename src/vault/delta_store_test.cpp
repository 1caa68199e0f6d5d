#include "vault/delta_store.h"

#include "testing/script.h"
#include "vault/delta/versions_test.h"
#include "vault/served_vault_test.h"

namespace hf::vault {
namespace {

// Blobs of a test, and a store over them.
struct Blobs {
    testing::MemoryFiles files;
    std::map<Digest, Bytes> bytes;
    int opened = 0;

    Digest add(Bytes blob) {
        const Digest digest = crypto::sha256(blob);
        bytes[digest] = std::move(blob);
        return digest;
    }

    DeltaEnds ends(const Digest& base, const Digest& result) const {
        return {base, bytes.at(base).size(), result, bytes.at(result).size()};
    }

    Result<Bytes> get(const DeltaEnds& ends, DeltaStoreOptions options = {}) {
        DeltaStore store(files, "/d", std::move(options));
        const auto open = [this](const Digest& digest) {
            ++opened;
            files.overwrite("/blob", bytes.at(digest));
            return Result<std::shared_ptr<const env::MappedFile>>(
                std::shared_ptr<const env::MappedFile>(files.map("/blob", true).value()));
        };
        const std::shared_ptr<const env::MappedFile> file = HF_TRY(store.get(ends, open));
        return Bytes(file->bytes().begin(), file->bytes().end());
    }

    // What the store keeps, the lock and other files of the test aside; the oldest first.
    std::vector<std::string> kept() const {
        std::vector<std::string> kept;
        for (const std::string& path : files.paths()) {
            if (path.starts_with("/d/0")) kept.push_back(path);
        }
        return kept;
    }
};

// A version of a file of `size` bytes; neighbours differ in little.
Bytes version(std::size_t size, int number) {
    Rng rng(7);
    Bytes bytes = delta::random_bytes(size, rng);
    for (std::size_t i = 0; i < size; i += 50) bytes[i] = static_cast<std::uint8_t>(number);
    return bytes;
}

TEST(DeltaStore, MakesADeltaOnceAndKeepsIt) {
    Blobs blobs;
    const Digest one = blobs.add(version(100'000, 1)), two = blobs.add(version(100'000, 2));
    const Bytes delta = blobs.get(blobs.ends(one, two)).value();
    EXPECT_LT(delta.size(), 20'000U);
    EXPECT_EQ(delta::apply_bytes(blobs.bytes[one], delta).value(), blobs.bytes[two]);
    EXPECT_EQ(blobs.opened, 2);
    EXPECT_EQ(blobs.get(blobs.ends(one, two)).value(), delta);
    EXPECT_EQ(blobs.opened, 2);
    EXPECT_EQ(blobs.kept().size(), 1U);
    // The way back is another one.
    const Bytes back = blobs.get(blobs.ends(two, one)).value();
    EXPECT_EQ(delta::apply_bytes(blobs.bytes[two], back).value(), blobs.bytes[one]);
    EXPECT_EQ(blobs.kept().size(), 2U);
}

TEST(DeltaStore, UsesWhatIsKnownOfTheWeights) {
    Rng rng(testing::seed());
    const delta::VersionPair pair =
        delta::fine_tune({.type = delta::Stored::kF32, .noise = 1e-4, .layers = {40'000}}, rng);
    Blobs blobs;
    const Digest one = blobs.add(pair.base.bytes), two = blobs.add(pair.result.bytes);
    DeltaStoreOptions options;
    options.find_tensors = [&](ByteView file) {
        const bool base =
            std::equal(file.begin(), file.end(), pair.base.bytes.begin(), pair.base.bytes.end());
        return base ? pair.base.tensors : pair.result.tensors;
    };
    EXPECT_EQ(blobs.get(blobs.ends(one, two), options).value(),
              encode(pair.base.side(), pair.result.side()));
}

TEST(DeltaStore, RefusesWhatWouldSaveNothingAndRemembersThat) {
    Rng rng(testing::seed());
    Blobs blobs;
    const Digest one = blobs.add(delta::random_bytes(70'000, rng));
    const Digest two = blobs.add(delta::random_bytes(70'000, rng));
    const Status refused = blobs.get(blobs.ends(one, two)).status();
    EXPECT_EQ(refused.code(), Code::kNotFound);
    EXPECT_NE(refused.message().find("would not be smaller"), std::string::npos);
    EXPECT_EQ(blobs.opened, 2);
    EXPECT_EQ(blobs.get(blobs.ends(one, two)).status(), refused);
    EXPECT_EQ(blobs.opened, 2);

    const Digest large = blobs.add(version(5001, 1)), small = blobs.add(version(4000, 1));
    DeltaStoreOptions options;
    options.blob_bytes_max = 5000;
    for (const DeltaEnds& ends : {blobs.ends(large, small), blobs.ends(small, large)}) {
        EXPECT_EQ(blobs.get(ends, options).status().code(), Code::kNotFound);
    }
    EXPECT_EQ(blobs.opened, 2);
    EXPECT_EQ(blobs.get({large, 1, small, 1}, options).status().code(), Code::kNotFound);
    EXPECT_TRUE(blobs.kept().size() == 1);  // of the first pair, and that there is none
    options.store_bytes_max = 10;
    EXPECT_EQ(blobs.get(blobs.ends(small, blobs.add(version(4000, 2))), options).status().code(),
              Code::kNotFound);
}

TEST(DeltaStore, LetsTheOldestGo) {
    Blobs blobs;
    std::vector<Digest> digests;
    for (int i = 0; i < 12; ++i) digests.push_back(blobs.add(version(100'000, i)));
    const std::size_t each = blobs.get(blobs.ends(digests[0], digests[1])).value().size();
    DeltaStoreOptions options;
    options.store_bytes_max = 4 * each + each / 2;
    for (std::size_t i = 1; i < 12; ++i) {
        ASSERT_TRUE(blobs.get(blobs.ends(digests[0], digests[i]), options).ok());
        std::uint64_t total = 0;
        for (const std::string& path : blobs.kept()) {
            total += blobs.files.info(path)->size_bytes;
        }
        EXPECT_LE(total, options.store_bytes_max);
    }
    const std::vector<std::string> kept = blobs.kept();
    ASSERT_GE(kept.size(), 3U);
    EXPECT_NE(kept.back().find(digests[11].hex()), std::string::npos);
    EXPECT_NE(kept.front().find(digests[12 - kept.size()].hex()), std::string::npos);
    const int before = blobs.opened;
    EXPECT_TRUE(blobs.get(blobs.ends(digests[0], digests[11]), options).ok());
    EXPECT_EQ(blobs.opened, before);
    EXPECT_TRUE(blobs.get(blobs.ends(digests[0], digests[1]), options).ok());
    EXPECT_EQ(blobs.opened, before + 2);
}

TEST(DeltaStore, MakesOneAtATime) {
    Blobs blobs;
    const Digest one = blobs.add(version(9000, 1)), two = blobs.add(version(9000, 2));
    const Digest three = blobs.add(version(9000, 3));
    ASSERT_TRUE(blobs.get(blobs.ends(one, two)).ok());
    const std::unique_ptr<env::FileLock> other = blobs.files.lock("/d/lock").value();
    EXPECT_EQ(blobs.get(blobs.ends(one, three)).status().code(), Code::kUnavailable);
    EXPECT_TRUE(blobs.get(blobs.ends(one, two)).ok());  // what is kept needs nobody's leave
}

TEST(DeltaStore, MakesAgainWhatIsDamaged) {
    Blobs blobs;
    const Digest one = blobs.add(version(9000, 1)), two = blobs.add(version(9000, 2));
    const Bytes good = blobs.get(blobs.ends(one, two)).value();
    Bytes cut = good, flipped = good;
    cut.resize(good.size() / 2);
    flipped[60] ^= 1;
    const Bytes other = blobs.get(blobs.ends(two, one)).value();
    for (const Bytes& damaged : {cut, flipped, other, to_bytes("no delta")}) {
        for (const std::string& path : blobs.kept()) {
            const bool wanted = path.ends_with(one.hex() + "-" + two.hex());
            if (wanted) blobs.files.overwrite(path, damaged);
        }
        EXPECT_EQ(blobs.get(blobs.ends(one, two)).value(), good);
        EXPECT_EQ(blobs.kept().size(), 2U);
        EXPECT_EQ(blobs.get(blobs.ends(two, one)).value(), other);
    }
}

// Killed at each change: the next one finds its way, and no half delta is ever given out.
TEST(DeltaStore, SurvivesBeingKilledAnywhere) {
    for (std::uint64_t changes = 0; changes < 12; ++changes) {
        Blobs blobs;
        const Digest one = blobs.add(version(9000, 1)), two = blobs.add(version(9000, 2));
        blobs.files.overwrite("/blob", {});
        blobs.files.die_after(changes);
        const Result<Bytes> first = blobs.get(blobs.ends(one, two));
        blobs.files.restart();
        const Bytes delta = blobs.get(blobs.ends(one, two)).value();
        EXPECT_EQ(delta::apply_bytes(blobs.bytes[one], delta).value(), blobs.bytes[two]);
        EXPECT_TRUE(!first.ok() || *first == delta);
        for (const std::string& path : blobs.files.paths()) {
            EXPECT_EQ(path.find(".tmp-"), std::string::npos) << path << " after " << changes;
        }
    }
}

TEST(DeltaStore, IgnoresStrangersInItsFolder) {
    Blobs blobs;
    ASSERT_EQ(blobs.files.create_directories("/d"), Status());
    for (const char* name : {"/d/readme", "/d/0000000000000000-", "/d/zz"}) {
        blobs.files.overwrite(name, to_bytes("x"));
    }
    blobs.files.overwrite(
        "/d/x" + std::string(15, '0') + "-" + std::string(64, '0') + "-" + std::string(64, '0'),
        to_bytes("x"));
    const Digest one = blobs.add(version(9000, 1)), two = blobs.add(version(9000, 2));
    EXPECT_TRUE(blobs.get(blobs.ends(one, two)).ok());
}

// What is gone from the vault is not kept in deltas either.
TEST(DeltaStore, KeepsNothingOfBlobsThatWereCollected) {
    const ServedVault served;
    const Bytes one = version(9000, 1), two = version(9000, 2), three = version(9000, 3);
    push_model(*served.vault, "pump:v1", {{"m", one}});
    push_model(*served.vault, "pump:v2", {{"m", two}});
    push_model(*served.vault, "pump:v3", {{"m", three}});
    const auto get = [&](ByteView from, ByteView to) {
        return served
            .ask("/v2/pump/deltas/" + crypto::sha256(from).to_string() + "/" +
                 crypto::sha256(to).to_string())
            .status;
    };
    const auto kept = [&] {
        const std::vector<std::string> paths = served.files.paths();
        return std::count_if(paths.begin(), paths.end(), [](const std::string& path) {
            return path.starts_with("/v/.holdfast/deltas/0");
        });
    };
    ASSERT_EQ(get(one, two), 200);
    ASSERT_EQ(get(two, three), 200);
    ASSERT_EQ(served.vault->collect_garbage()->temporaries_removed, 0U);
    EXPECT_EQ(kept(), 2);
    ASSERT_EQ(served.vault->untag("pump:v1"), Status());
    EXPECT_EQ(served.vault->collect_garbage()->temporaries_removed, 1U);
    EXPECT_EQ(kept(), 1);
    EXPECT_EQ(get(one, two), 404);
    EXPECT_EQ(get(two, three), 200);
}

TEST(DeltaName, IsReadAsItIsWritten) {
    const DeltaName name{77, crypto::sha256(as_bytes("a")), crypto::sha256(as_bytes("b"))};
    const DeltaName read = DeltaName::parse(name.text()).value();
    EXPECT_EQ(read.number, 77U);
    EXPECT_EQ(read.base, name.base);
    EXPECT_EQ(read.result, name.result);
    for (std::size_t at = 0; at < name.text().size(); ++at) {
        for (const char other : {'g', '-', 'A', ' '}) {
            std::string text = name.text();
            if (text[at] == other) continue;
            text[at] = other;
            EXPECT_FALSE(DeltaName::parse(text)) << text;
        }
    }
    EXPECT_FALSE(DeltaName::parse(name.text() + "0"));
    EXPECT_FALSE(DeltaName::parse(""));
}

// Over the registry: both ends must be the repository's own.
TEST(RegistryServer, MakesDeltasWithinARepository) {
    ServedVault served;
    const Bytes one = version(100'000, 1), two = version(100'000, 2);
    push_model(*served.vault, "pump:v1", {{"m", one}});
    push_model(*served.vault, "pump:v2", {{"m", two}});
    push_model(*served.vault, "fan:v2", {{"m", two}});
    const auto url = [](const std::string& name, ByteView from, ByteView to) {
        return "/v2/" + name + "/deltas/" + crypto::sha256(from).to_string() + "/" +
               crypto::sha256(to).to_string();
    };
    const http::Response response = served.ask(url("pump", one, two));
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(header(response, "Content-Type"), kDeltaType);
    EXPECT_EQ(delta::apply_bytes(one, response.body).value(), two);
    http::Headers range;
    range.set("Range", "bytes=100-");
    const http::Response rest = served.ask(url("pump", one, two), "GET", range);
    EXPECT_EQ(rest.status, 206);
    EXPECT_TRUE(std::equal(rest.body.begin(), rest.body.end(), response.body.begin() + 100,
                           response.body.end()));
    EXPECT_EQ(served.outcome(url("fan", one, two)), "404 BLOB_UNKNOWN");
    EXPECT_EQ(served.outcome(url("fan", two, one)), "404 BLOB_UNKNOWN");
    EXPECT_EQ(served.outcome(url("nobody", one, two)), "404 NAME_UNKNOWN");

    Rng rng(testing::seed());
    const Bytes noise = delta::random_bytes(100'000, rng);
    push_model(*served.vault, "pump:v3", {{"m", noise}});
    EXPECT_EQ(served.outcome(url("pump", two, noise)), "404 DELTA_UNKNOWN");
    const std::unique_ptr<env::FileLock> other =
        served.files.lock("/v/.holdfast/deltas/lock").value();
    const http::Response busy = served.ask(url("pump", two, one));
    EXPECT_EQ(busy.status, 503);
    EXPECT_EQ(header(busy, "Retry-After"), std::to_string(kDeltaRetrySeconds));
}

}  // namespace
}  // namespace hf::vault
