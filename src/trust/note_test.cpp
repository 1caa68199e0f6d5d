#include "trust/note.h"

#include <gtest/gtest.h>

#include "trust/checkpoint.h"

namespace hf::trust {
namespace {

// The example that Go's package golang.org/x/mod/sumdb/note documents.
constexpr std::string_view kPeter =
    "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
constexpr std::string_view kText =
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n";
constexpr std::string_view kNote =
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "\xE2\x80\x94 PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
    "\n";

NoteSigner some_signer(std::string name = "node-a/receipts") {
    return *NoteSigner::create(std::move(name), crypto::Ed25519PrivateKey::generate());
}

TEST(Note, TheWellKnownExampleOpens) {
    const Result<NoteVerifier> peter = NoteVerifier::parse(kPeter);
    ASSERT_TRUE(peter.ok()) << peter.status().to_string();
    EXPECT_EQ(peter->text(), kPeter);
    const Result<OpenedNote> note = open_note(kNote, {&*peter, 1});
    ASSERT_TRUE(note.ok()) << note.status().to_string();
    EXPECT_EQ(note->text, kText);
    EXPECT_EQ(note->signers, std::vector<std::string>{"PeterNeumann"});
}

TEST(Note, WhatIsSignedOpensAndNothingElse) {
    const NoteSigner signer = some_signer();
    const NoteVerifier other = some_signer().verifier();
    const std::string note = *signer.sign("one\n\ntwo\n");
    const NoteVerifier both[] = {other, signer.verifier()};
    ASSERT_TRUE(open_note(note, both).ok());
    EXPECT_EQ(open_note(note, both)->text, "one\n\ntwo\n");
    EXPECT_EQ(open_note(note, {&other, 1}).status().code(), Code::kUnauthenticated);
    EXPECT_EQ(open_note(note, {}).status().code(), Code::kUnauthenticated);
}

TEST(Note, NoChangedBitOpens) {
    const NoteSigner signer = some_signer("n");
    const std::string note = *signer.sign("text\n");
    for (std::size_t bit = 0; bit < note.size() * 8; ++bit) {
        std::string changed = note;
        changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
        EXPECT_FALSE(open_note(changed, {&signer.verifier(), 1}).ok()) << changed;
    }
    for (std::size_t size = 0; size < note.size(); ++size) {
        EXPECT_FALSE(open_note(note.substr(0, size), {&signer.verifier(), 1}).ok()) << size;
    }
}

TEST(Note, OthersSignaturesPassAndBadOnesOfOursDoNot) {
    const NoteSigner ours = some_signer("ours");
    const NoteSigner theirs = some_signer("theirs");
    const std::string note = *ours.sign("text\n");
    const std::string line = theirs.sign("text\n")->substr(6);
    const Result<OpenedNote> opened = open_note(note + line, {&ours.verifier(), 1});
    ASSERT_TRUE(opened.ok()) << opened.status().to_string();
    EXPECT_EQ(opened->unknown_signatures, 1u);
    const std::string bad = ours.sign("other text\n")->substr(12);
    EXPECT_EQ(open_note(note + bad, {&ours.verifier(), 1}).status().message(),
              "the signature by 'ours' does not verify");
    std::string many = note;
    for (std::size_t i = 0; i < kMaxNoteSignatures; ++i) many += line;
    EXPECT_EQ(open_note(many, {&ours.verifier(), 1}).status().code(), Code::kInvalidArgument);
}

TEST(Note, WhatTheFormatForbidsIsRefused) {
    const NoteSigner signer = some_signer();
    for (std::string_view text : {"", "no end", "tab\t\n", "\xFF\n"}) {
        EXPECT_FALSE(signer.sign(text).ok()) << text;
    }
    for (std::string_view name : {"", "a b", "a+b", "a\n", "\xC0"}) {
        EXPECT_FALSE(
            NoteSigner::create(std::string(name), crypto::Ed25519PrivateKey::generate()).ok());
    }
    const std::string text = signer.verifier().text();
    for (std::size_t at = 0; at < text.size(); ++at) {
        std::string changed = text;
        changed[at] = changed[at] == 'A' ? 'B' : 'A';
        EXPECT_FALSE(NoteVerifier::parse(changed).ok()) << changed;
        EXPECT_FALSE(NoteVerifier::parse(text.substr(0, at)).ok());
    }
    EXPECT_FALSE(parse_note(std::string(kMaxNoteBytes + 1, 'x')).ok());
}

TEST(Checkpoint, WritesThreeLinesAndReadsThemBack) {
    const Checkpoint checkpoint{"node-a/receipts", {123, crypto::merkle_leaf({})}};
    const std::string text = write_checkpoint(checkpoint);
    EXPECT_EQ(text, "node-a/receipts\n123\nbjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=\n");
    ASSERT_TRUE(parse_checkpoint(text).ok());
    EXPECT_EQ(*parse_checkpoint(text), checkpoint);
}

TEST(Checkpoint, OtherTextIsRefused) {
    const std::string root = "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=";
    const std::string good = "log\n1\n" + root + "\n";
    ASSERT_TRUE(parse_checkpoint(good).ok());
    for (const std::string& bad : std::vector<std::string>{
             "", "log\n", "\n1\n" + root + "\n", "log\n01\n" + root + "\n",
             "log\n+1\n" + root + "\n", "log\n-1\n" + root + "\n",
             "log\n99999999999999999999\n" + root + "\n", "log\n1\n" + root, "log\n1\nAAAA\n",
             "log\n1\n" + root + "\nextension\n", good + "\n"}) {
        EXPECT_EQ(parse_checkpoint(bad).status().code(), Code::kInvalidArgument) << bad;
    }
}

}  // namespace
}  // namespace hf::trust
