// Signed notes (C2SP signed-note 1.0, as Go's golang.org/x/mod/sumdb/note writes them): a text and
// signature lines under it.
//
//     note      = text "\n" 1*signature
//     text      = 1*( UTF-8 without control characters but newline ), ends with a newline
//     signature = "— " name " " base64( key hash (4 bytes) || Ed25519 signature ) "\n"
//     key hash  = first 4 bytes of SHA-256( name || "\n" || 0x01 || public key )
//     verifier  = name "+" hex( key hash ) "+" base64( 0x01 || public key )
//
// Names have no spaces and no "+". Ed25519 (type 0x01) is the only kind signed and believed here;
// signatures of other keys are let pass, as the format wants. Pure. Thread-safety: values.

#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "crypto/ed25519.h"

namespace hf::trust {

inline constexpr std::size_t kMaxNoteBytes = 1u << 20;
inline constexpr std::size_t kMaxNoteSignatures = 100;

// A name and the public key that goes with it.
class NoteVerifier final {
public:
    // INVALID_ARGUMENT for a name that the format forbids.
    static Result<NoteVerifier> create(std::string name, crypto::Ed25519PublicKey key);

    // The text form; INVALID_ARGUMENT also when its key hash is not that of its name and key.
    static Result<NoteVerifier> parse(std::string_view text);

    std::string text() const;  // "name+1a2b3c4d+AV..."
    const std::string& name() const { return name_; }
    const crypto::Ed25519PublicKey& key() const { return key_; }
    ByteView key_hash() const { return key_hash_; }

private:
    NoteVerifier(std::string name, crypto::Ed25519PublicKey key);

    std::string name_;
    crypto::Ed25519PublicKey key_;
    Bytes key_hash_;
};

class NoteSigner final {
public:
    static Result<NoteSigner> create(std::string name, crypto::Ed25519PrivateKey key);

    const NoteVerifier& verifier() const { return verifier_; }

    // The note with one signature. INVALID_ARGUMENT for a text that the format forbids.
    Result<std::string> sign(std::string_view text) const;

private:
    NoteSigner(NoteVerifier verifier, crypto::Ed25519PrivateKey key)
        : verifier_(std::move(verifier)), key_(std::move(key)) {}

    NoteVerifier verifier_;
    crypto::Ed25519PrivateKey key_;
};

// Who claims to have signed; nothing of it is verified.
struct NoteSignature {
    std::string name;
    Bytes key_hash;  // 4 bytes
    Bytes signature;
};

struct UnverifiedNote {
    std::string text;
    std::vector<NoteSignature> signatures;
};

// INVALID_ARGUMENT when it is not a note.
Result<UnverifiedNote> parse_note(std::string_view note);

struct OpenedNote {
    std::string text;
    std::vector<std::string> signers;    // names of the verifiers that signed; at least one
    std::size_t unknown_signatures = 0;  // of other keys: they prove nothing
};

// UNAUTHENTICATED when none of the verifiers signed, or a signature that claims to be of one of
// them is not.
Result<OpenedNote> open_note(std::string_view note, std::span<const NoteVerifier> verifiers);

}  // namespace hf::trust
