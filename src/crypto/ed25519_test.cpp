#include "crypto/ed25519.h"

#include <gtest/gtest.h>

#include "crypto/ecdsa.h"

namespace hf::crypto {
namespace {

// RFC 8032 section 7.1, TEST 1 to 3.
TEST(Ed25519, KnownAnswersOfTheStandard) {
    struct Case {
        std::string_view seed, key, message, signature;
    };
    const Case cases[] = {
        {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
         "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701"
         "cf9b46bd25bf5f0595bbe24655141438e7a100b"},
        {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
         "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
         "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d"
         "0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
        {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
         "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
         "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760"
         "984dc6594a7c15e9716ed28dc027beceea1ec40a"}};
    for (const Case& c : cases) {
        const Result<Ed25519PrivateKey> key = Ed25519PrivateKey::from_seed(*from_hex(c.seed));
        ASSERT_TRUE(key.ok());
        EXPECT_EQ(to_hex(key->public_key().raw()), c.key);
        const Bytes message = *from_hex(c.message);
        EXPECT_EQ(to_hex(key->sign(message)), c.signature);
        EXPECT_TRUE(key->public_key().verify(message, key->sign(message)));
    }
}

TEST(Ed25519, SurvivesPemAndRawBytes) {
    const Ed25519PrivateKey key = Ed25519PrivateKey::generate();
    const Result<Ed25519PrivateKey> again = Ed25519PrivateKey::from_pem(key.pem());
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(again->public_key(), key.public_key());
    EXPECT_EQ(*Ed25519PublicKey::from_pem(key.public_key().pem()), key.public_key());
    EXPECT_EQ(*Ed25519PublicKey::from_raw(key.public_key().raw()), key.public_key());
    EXPECT_FALSE(Ed25519PrivateKey::generate().public_key() == key.public_key());
}

TEST(Ed25519, NoChangedBitVerifies) {
    const Ed25519PrivateKey key = Ed25519PrivateKey::generate();
    const Bytes message = to_bytes("message");
    const Bytes signature = key.sign(message);
    const auto flipped = [](Bytes bytes, std::size_t bit) {
        bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ (1u << bit % 8));
        return bytes;
    };
    for (std::size_t bit = 0; bit < signature.size() * 8; ++bit) {
        EXPECT_FALSE(key.public_key().verify(message, flipped(signature, bit))) << bit;
    }
    for (std::size_t bit = 0; bit < message.size() * 8; ++bit) {
        EXPECT_FALSE(key.public_key().verify(flipped(message, bit), signature)) << bit;
    }
}

TEST(Ed25519, OtherKeysAreRefused) {
    const PrivateKey ec = PrivateKey::generate();
    EXPECT_EQ(Ed25519PrivateKey::from_pem(ec.pem()).status().message(),
              "want an Ed25519 private key");
    EXPECT_EQ(Ed25519PublicKey::from_pem(ec.public_key().pem()).status().code(),
              Code::kInvalidArgument);
    EXPECT_FALSE(PrivateKey::from_pem(Ed25519PrivateKey::generate().pem()).ok());
    EXPECT_FALSE(Ed25519PublicKey::from_pem("").ok());
    EXPECT_FALSE(Ed25519PublicKey::from_raw(Bytes(31)).ok());
    EXPECT_FALSE(Ed25519PrivateKey::from_seed(Bytes(33)).ok());
    EXPECT_FALSE(Ed25519PublicKey::from_pem(std::string(1u << 20, 'x')).ok());
}

}  // namespace
}  // namespace hf::crypto
