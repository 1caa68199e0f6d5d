#include "trust/receipt.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace hf::trust {
namespace {

using crypto::Ed25519PrivateKey;

struct Log {
    Ed25519PrivateKey key = Ed25519PrivateKey::generate();
    std::vector<std::string> receipts;

    static Log of(std::size_t count) {
        Log log;
        for (std::size_t i = 0; i < count; ++i) {
            log.receipts.push_back(fmt::format(R"({{"id":"{}","text":"\"\u0001é"}})", i));
        }
        return log;
    }

    ReceiptFile file(std::uint64_t index, const std::string& origin = "log",
                     const std::string& name = "log") const {
        const crypto::SubtreeReader read = [this](unsigned level,
                                                  std::uint64_t at) -> Result<Digest> {
            crypto::MerkleFrontier subtree;
            for (std::uint64_t i = at << level; i < (at + 1) << level; ++i) {
                subtree.append(crypto::merkle_leaf(as_bytes(receipts[i])));
            }
            return subtree.root();
        };
        const std::uint64_t size = receipts.size();
        const Checkpoint checkpoint{origin, {size, *crypto::merkle_root(size, read)}};
        return {receipts[index], index, *crypto::inclusion_proof(index, size, read),
                *NoteSigner::create(name, key)->sign(write_checkpoint(checkpoint))};
    }

    Status verify(const std::string& text, std::string_view name = {}) const {
        return verify_receipt_file(text, key.public_key(), name).status();
    }
};

TEST(ReceiptFile, WhatIsWrittenVerifies) {
    const Log log = Log::of(7);
    for (std::uint64_t index = 0; index < 7; ++index) {
        const std::string text = write_receipt_file(log.file(index));
        EXPECT_EQ(json::write_canonical(*json::parse(text)) + "\n", text);
        const Result<VerifiedReceipt> verified =
            verify_receipt_file(text, log.key.public_key(), "log");
        ASSERT_TRUE(verified.ok()) << verified.status().to_string();
        EXPECT_EQ(verified->receipt, log.receipts[index]);
        EXPECT_EQ(verified->index, index);
        EXPECT_EQ(verified->checkpoint.head.size, 7u);
    }
}

TEST(ReceiptFile, NoByteChangedVerifies) {
    for (std::size_t size : {1u, 3u}) {
        const Log log = Log::of(size);
        const std::string text = write_receipt_file(log.file(size / 2));
        for (std::size_t at = 0; at < text.size(); ++at) {
            for (int flip : {1, 2, 4, 8, 16, 32, 64, 128, 255, 3, 127}) {
                std::string changed = text;
                changed[at] = static_cast<char>(changed[at] ^ flip);
                ASSERT_FALSE(log.verify(changed).ok()) << at << ": " << changed;
            }
        }
    }
}

TEST(ReceiptFile, NoCutOrInsertedByteVerifies) {
    const Log log = Log::of(3);
    const std::string text = write_receipt_file(log.file(1));
    for (std::size_t at = 0; at <= text.size(); ++at) {
        if (at < text.size()) {
            EXPECT_FALSE(log.verify(text.substr(0, at)).ok());
            EXPECT_FALSE(log.verify(text.substr(0, at) + text.substr(at + 1)).ok());
        }
        for (char c : {' ', '\n', '0', '"', 'A', '\0'}) {
            EXPECT_FALSE(log.verify(text.substr(0, at) + c + text.substr(at)).ok()) << at << c;
        }
    }
}

TEST(ReceiptFile, SaysWhyItIsRefused) {
    const Log log = Log::of(5);
    const ReceiptFile good = log.file(2);
    const std::string text = write_receipt_file(good);
    const auto why = [&](const ReceiptFile& file) {
        return log.verify(write_receipt_file(file)).to_string();
    };
    EXPECT_EQ(Log::of(1).verify(text).code(), Code::kUnauthenticated);
    EXPECT_EQ(log.verify(text, "other").message(),
              "checkpoint: signed as 'log', and the key given is for 'other'");
    EXPECT_EQ(why(log.file(2, "other")),
              "UNAUTHENTICATED: checkpoint: of log 'other', and signed as 'log'");
    ReceiptFile changed = good;
    changed.index = 3;
    EXPECT_EQ(why(changed),
              "UNAUTHENTICATED: receipt: the inclusion proof of leaf 3 does not "
              "lead to the root");
    changed = good;
    changed.receipt = "{}";
    EXPECT_EQ(why(changed),
              "UNAUTHENTICATED: receipt: the inclusion proof of leaf 2 does not "
              "lead to the root");
    changed = good;
    const Result<NoteSigner> witness = NoteSigner::create("witness", Ed25519PrivateKey::generate());
    changed.checkpoint += witness->sign("x\n")->substr(3);
    EXPECT_EQ(why(changed), "INVALID_ARGUMENT: checkpoint: 2 signatures; want one");
    EXPECT_EQ(log.verify("{}\n").message(),
              "receipt file: field 'checkpoint' must be given, as a string");
    EXPECT_EQ(log.verify(" " + text).message(),
              "receipt file: not as it was written: keep the answer's bytes as they came");
    const std::string extra = "{\"a\":1," + text.substr(1);
    EXPECT_EQ(log.verify(extra).message(),
              "receipt file: has fields besides checkpoint, index, proof and receipt");
    EXPECT_EQ(log.verify(std::string(kMaxReceiptFileBytes + 1, ' ')).code(),
              Code::kResourceExhausted);
}

}  // namespace
}  // namespace hf::trust
