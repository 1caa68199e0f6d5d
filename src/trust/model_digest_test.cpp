#include "trust/model_digest.h"

#include <gtest/gtest.h>

#include "crypto/hash.h"

namespace hf::trust {
namespace {

Digest of(std::string_view text) {
    return crypto::sha256(as_bytes(text));
}

TEST(ModelDigest, OfOneFileIsThatFilesDigest) {
    EXPECT_EQ(model_digest(of("model"), {}), of("model"));
}

// (sha256sum --tag < m; sha256sum --tag a data/w) | sha256sum
TEST(ModelDigest, OfSeveralFilesIsWhatSha256sumSays) {
    EXPECT_EQ(model_digest(of("model"), {{"data/w", of("two")}, {"a", of("one")}}).hex(),
              "4057889ee2f5520b4b62d2b6125514838842254b1417510b3c361bc95a654603");
}

TEST(ModelDigest, IsAnotherWithEachNameAndEachByte) {
    const Digest one = model_digest(of("model"), {{"w", of("one")}});
    EXPECT_NE(one, model_digest(of("model"), {{"w", of("two")}}));
    EXPECT_NE(one, model_digest(of("model"), {{"v", of("one")}}));
    EXPECT_NE(one, model_digest(of("other"), {{"w", of("one")}}));
    EXPECT_NE(one, model_digest(of("model"), {{"v", of("one")}, {"w", of("one")}}));
    EXPECT_NE(one, of("model"));
}

}  // namespace
}  // namespace hf::trust
