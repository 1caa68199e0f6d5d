// A receipt file: what a server hands out for one prediction, and what anyone can verify offline.
// One line of canonical JSON (keys in code-point order, no spaces, a newline at the end):
//
//     {"checkpoint": the signed note over the log's size and root,
//      "index": the receipt's place in the log,
//      "proof": [base64 hashes of the RFC 9162 inclusion proof],
//      "receipt": {...}}
//
// The log's leaf is the receipt as canonical JSON. Verification is strict, so that no byte of the
// file can change unnoticed: the text must be canonical, with these keys only, and the note must
// bear exactly one signature, by the log's key under the log's name.
//
// Pure. Thread-safety: values.

#pragma once

#include <string>
#include <string_view>

#include "trust/checkpoint.h"
#include "trust/note.h"

namespace hf::trust {

inline constexpr std::size_t kMaxReceiptBytes = 64u << 10;
inline constexpr std::size_t kMaxReceiptFileBytes = 256u << 10;

struct ReceiptFile {
    std::string receipt;  // canonical JSON of an object
    std::uint64_t index = 0;
    crypto::MerkleProof proof;
    std::string checkpoint;  // a signed note
};

// REQUIRES: file.receipt is canonical JSON.
std::string write_receipt_file(const ReceiptFile& file);

struct VerifiedReceipt {
    std::string receipt;  // canonical JSON
    std::uint64_t index = 0;
    Checkpoint checkpoint;
};

// Believes one key; with a name, only under that name. INVALID_ARGUMENT when the text is not a
// receipt file, UNAUTHENTICATED when the signature or the proof does not hold.
Result<VerifiedReceipt> verify_receipt_file(std::string_view text,
                                            const crypto::Ed25519PublicKey& key,
                                            std::string_view name = {});

}  // namespace hf::trust
