#include <gtest/gtest.h>

#include "base/rng.h"
#include "crypto/dsse.h"
#include "crypto/ecdsa.h"
#include "crypto/hash.h"
#include "testing/script.h"

namespace hf::crypto {
namespace {

TEST(Hash, KnownAnswerOfTheStandard) {
    EXPECT_EQ(sha256(as_bytes("abc")).hex(),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    Sha256 pieces;
    pieces.update(as_bytes("a"));
    pieces.update(as_bytes("bc"));
    EXPECT_EQ(pieces.finish(), sha256(as_bytes("abc")));
}

TEST(Dsse, EncodesLengthsInDecimal) {
    EXPECT_EQ(as_text(dsse_pae("http://example.com/HelloWorld", as_bytes("hello world"))),
              "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
}

TEST(Ecdsa, SignsVerifiesAndSurvivesPem) {
    const PrivateKey key = PrivateKey::generate();
    const Result<PrivateKey> again = PrivateKey::from_pem(key.pem());
    ASSERT_TRUE(again.ok());
    const Result<PublicKey> shown = PublicKey::from_pem(again->public_key().pem());
    ASSERT_TRUE(shown.ok());
    const Bytes signature = key.sign(as_bytes("message"));
    EXPECT_TRUE(shown->verify(as_bytes("message"), signature));
    EXPECT_FALSE(shown->verify(as_bytes("massage"), signature));
    EXPECT_FALSE(PrivateKey::generate().public_key().verify(as_bytes("message"), signature));
}

TEST(Ecdsa, NoChangedBitOfASignatureVerifies) {
    const PrivateKey key = PrivateKey::generate();
    const PublicKey shown = key.public_key();
    const Bytes signature = key.sign(as_bytes("message"));
    for (std::size_t bit = 0; bit < signature.size() * 8; ++bit) {
        Bytes changed = signature;
        changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ (1u << bit % 8));
        EXPECT_FALSE(shown.verify(as_bytes("message"), changed)) << bit;
    }
}

TEST(Ecdsa, OtherTextIsNoKey) {
    EXPECT_FALSE(PublicKey::from_pem("").ok());
    EXPECT_FALSE(
        PublicKey::from_pem("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n").ok());
    EXPECT_FALSE(PrivateKey::from_pem(PrivateKey::generate().public_key().pem()).ok());
    EXPECT_FALSE(PublicKey::from_chain({}, {}, {}).ok());
    EXPECT_FALSE(PublicKey::from_chain({to_bytes("nonsense")}, {}, {}).ok());
}

}  // namespace
}  // namespace hf::crypto
