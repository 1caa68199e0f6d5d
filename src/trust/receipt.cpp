#include "trust/receipt.h"

#include "base/json.h"

namespace hf::trust {
namespace {

Result<Digest> parse_hash(const json::Value& value) {
    if (!value.is_string()) return invalid_argument("want base64 of {} bytes", Digest::kSize);
    const Bytes bytes = HF_TRY(from_base64(json::as_view(value.get_string())));
    if (bytes.size() != Digest::kSize) return invalid_argument("{} bytes long", bytes.size());
    std::array<std::uint8_t, Digest::kSize> hash{};
    std::copy(bytes.begin(), bytes.end(), hash.begin());
    return Digest(hash);
}

Result<ReceiptFile> parse_receipt_file(std::string_view text) {
    const json::Value root = HF_TRY(json::parse(text, kMaxReceiptFileBytes));
    if (json::write_canonical(root) + "\n" != text) {
        return invalid_argument("not as it was written: keep the answer's bytes as they came");
    }
    ReceiptFile file;
    file.checkpoint = HF_TRY(json::need_string(root, "checkpoint"));
    const std::int64_t index = HF_TRY(json::need_int(root, "index"));
    if (index < 0) return invalid_argument("field 'index' is negative");
    file.index = static_cast<std::uint64_t>(index);
    const json::Array* proof = json::find_array(root, "proof");
    if (!proof || proof->size() > crypto::kMaxProofHashes) {
        return invalid_argument("field 'proof' must be given, as at most {} hashes",
                                crypto::kMaxProofHashes);
    }
    for (const json::Value& hash : *proof) {
        file.proof.push_back(HF_TRY(parse_hash(hash).context("proof hash {}", file.proof.size())));
    }
    const json::Object* receipt = json::find_object(root, "receipt");
    if (!receipt) return invalid_argument("field 'receipt' must be given, as an object");
    file.receipt = json::write_canonical(*receipt);
    if (root.get_object().size() != 4) {
        return invalid_argument("has fields besides checkpoint, index, proof and receipt");
    }
    return file;
}

// The note's text, after its one signature was found good.
Result<std::string> open_checkpoint(std::string_view note, const crypto::Ed25519PublicKey& key,
                                    std::string_view name) {
    const UnverifiedNote unverified = HF_TRY(parse_note(note));
    if (unverified.signatures.size() != 1) {
        return invalid_argument("{} signatures; want one", unverified.signatures.size());
    }
    const std::string& claimed = unverified.signatures[0].name;
    if (!name.empty() && claimed != name) {
        return unauthenticated("signed as '{}', and the key given is for '{}'", claimed, name);
    }
    const NoteVerifier verifier = HF_TRY(NoteVerifier::create(claimed, key));
    return HF_TRY(open_note(note, {&verifier, 1})).text;
}

}  // namespace

std::string write_receipt_file(const ReceiptFile& file) {
    std::string proof;
    for (const Digest& hash : file.proof) {
        proof += fmt::format("{}\"{}\"", proof.empty() ? "" : ",", to_base64(hash.bytes()));
    }
    return fmt::format("{{\"checkpoint\":{},\"index\":{},\"proof\":[{}],\"receipt\":{}}}\n",
                       json::write(json::Value(file.checkpoint)), file.index, proof, file.receipt);
}

Result<VerifiedReceipt> verify_receipt_file(std::string_view text,
                                            const crypto::Ed25519PublicKey& key,
                                            std::string_view name) {
    ReceiptFile file = HF_TRY(parse_receipt_file(text).context("receipt file"));
    const std::string note =
        HF_TRY(open_checkpoint(file.checkpoint, key, name).context("checkpoint"));
    Checkpoint checkpoint = HF_TRY(parse_checkpoint(note));
    const UnverifiedNote unverified = HF_TRY(parse_note(file.checkpoint));
    if (checkpoint.origin != unverified.signatures[0].name) {
        return unauthenticated("checkpoint: of log '{}', and signed as '{}'", checkpoint.origin,
                               unverified.signatures[0].name);
    }
    HF_TRY(crypto::verify_inclusion(crypto::merkle_leaf(as_bytes(file.receipt)), file.index,
                                    checkpoint.head, file.proof)
               .context("receipt"));
    return VerifiedReceipt{std::move(file.receipt), file.index, std::move(checkpoint)};
}

}  // namespace hf::trust
