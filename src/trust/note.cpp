#include "trust/note.h"

#include <algorithm>

#include "base/text.h"
#include "crypto/hash.h"

namespace hf::trust {
namespace {

constexpr std::uint8_t kEd25519 = 0x01;
constexpr std::size_t kKeyHashBytes = 4;
constexpr std::string_view kDash = "\xE2\x80\x94 ";  // em dash, space

// A name stands between spaces in a note and between "+" in a verifier.
Status check_name(std::string_view name) {
    const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
        return static_cast<unsigned char>(c) > 0x20 && c != '+' && c != 0x7F;
    });
    if (name.empty() || !plain || !is_utf8(name)) {
        return invalid_argument("'{}' cannot be a key's name: want text without spaces and '+'",
                                name);
    }
    return {};
}

Status check_text(std::string_view text) {
    const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
        return static_cast<unsigned char>(c) >= 0x20 || c == '\n';
    });
    if (!text.ends_with('\n') || !plain || !is_utf8(text)) {
        return invalid_argument("a note's text is UTF-8 lines, without control characters");
    }
    return {};
}

Bytes typed_key(const crypto::Ed25519PublicKey& key) {
    Bytes bytes{kEd25519};
    const Bytes raw = key.raw();
    bytes.insert(bytes.end(), raw.begin(), raw.end());
    return bytes;
}

Bytes hash_of(std::string_view name, const crypto::Ed25519PublicKey& key) {
    Bytes named = to_bytes(name);
    named.push_back('\n');
    const Bytes typed = typed_key(key);
    named.insert(named.end(), typed.begin(), typed.end());
    const Digest digest = crypto::sha256(named);
    const ByteView head = digest.bytes().first(kKeyHashBytes);
    return {head.begin(), head.end()};
}

Result<NoteSignature> parse_signature(std::string_view line) {
    if (!line.starts_with(kDash)) return invalid_argument("want '— ' at its beginning");
    const std::vector<std::string_view> words = split(line.substr(kDash.size()), ' ');
    if (words.size() != 2) return invalid_argument("want a name, a space and base64");
    HF_TRY(check_name(words[0]));
    const Bytes bytes = HF_TRY(from_base64(words[1]));
    if (bytes.size() <= kKeyHashBytes) return invalid_argument("the signature is cut short");
    return NoteSignature{std::string(words[0]),
                         {bytes.begin(), bytes.begin() + kKeyHashBytes},
                         {bytes.begin() + kKeyHashBytes, bytes.end()}};
}

}  // namespace

NoteVerifier::NoteVerifier(std::string name, crypto::Ed25519PublicKey key)
    : name_(std::move(name)), key_(std::move(key)), key_hash_(hash_of(name_, key_)) {}

Result<NoteVerifier> NoteVerifier::create(std::string name, crypto::Ed25519PublicKey key) {
    HF_TRY(check_name(name));
    return NoteVerifier(std::move(name), std::move(key));
}

Result<NoteVerifier> NoteVerifier::parse(std::string_view text) {
    // Base64 may contain "+" too: only the first two separate.
    const std::size_t first = text.find('+');
    const std::size_t second = first == text.npos ? first : text.find('+', first + 1);
    if (second == text.npos) return invalid_argument("a verifier key is NAME+HASH+BASE64");
    const std::string_view hash = text.substr(first + 1, second - first - 1);
    const Bytes typed = HF_TRY(from_base64(text.substr(second + 1)).context("verifier key"));
    if (typed.empty() || typed[0] != kEd25519) {
        return invalid_argument("the verifier key is not of the kind Ed25519 (0x01)");
    }
    NoteVerifier verifier =
        HF_TRY(create(std::string(text.substr(0, first)),
                      HF_TRY(crypto::Ed25519PublicKey::from_raw(ByteView(typed).subspan(1)))));
    if (to_hex(verifier.key_hash_) != hash) {
        return invalid_argument("the verifier key's hash is {}, and its name and key make {}", hash,
                                to_hex(verifier.key_hash_));
    }
    return verifier;
}

std::string NoteVerifier::text() const {
    return fmt::format("{}+{}+{}", name_, to_hex(key_hash_), to_base64(typed_key(key_)));
}

Result<NoteSigner> NoteSigner::create(std::string name, crypto::Ed25519PrivateKey key) {
    NoteVerifier verifier = HF_TRY(NoteVerifier::create(std::move(name), key.public_key()));
    return NoteSigner(std::move(verifier), std::move(key));
}

Result<std::string> NoteSigner::sign(std::string_view text) const {
    HF_TRY(check_text(text));
    Bytes bytes(verifier_.key_hash().begin(), verifier_.key_hash().end());
    const Bytes signature = key_.sign(as_bytes(text));
    bytes.insert(bytes.end(), signature.begin(), signature.end());
    return fmt::format("{}\n{}{} {}\n", text, kDash, verifier_.name(), to_base64(bytes));
}

Result<UnverifiedNote> parse_note(std::string_view note) {
    if (note.size() > kMaxNoteBytes) {
        return invalid_argument("a note of {} bytes; the limit is {}", note.size(), kMaxNoteBytes);
    }
    // The text may hold empty lines; signatures never do, so the last one separates.
    const std::size_t end = note.rfind("\n\n");
    if (end == note.npos) return invalid_argument("not a signed note: no empty line in it");
    UnverifiedNote parsed;
    parsed.text = note.substr(0, end + 1);
    HF_TRY(check_text(parsed.text));
    std::string_view lines = note.substr(end + 2);
    if (!lines.ends_with('\n')) return invalid_argument("the last signature line has no end");
    lines.remove_suffix(1);
    for (std::string_view line : split(lines, '\n')) {
        if (parsed.signatures.size() == kMaxNoteSignatures) {
            return invalid_argument("more than {} signatures", kMaxNoteSignatures);
        }
        parsed.signatures.push_back(HF_TRY(
            parse_signature(line).context("signature line {}", parsed.signatures.size() + 1)));
    }
    return parsed;
}

Result<OpenedNote> open_note(std::string_view note, std::span<const NoteVerifier> verifiers) {
    UnverifiedNote parsed = HF_TRY(parse_note(note));
    OpenedNote opened;
    for (const NoteSignature& claimed : parsed.signatures) {
        const auto known =
            std::find_if(verifiers.begin(), verifiers.end(), [&](const NoteVerifier& verifier) {
                return verifier.name() == claimed.name &&
                       std::ranges::equal(verifier.key_hash(), claimed.key_hash);
            });
        if (known == verifiers.end()) {
            ++opened.unknown_signatures;
            continue;
        }
        if (!known->key().verify(as_bytes(parsed.text), claimed.signature)) {
            return unauthenticated("the signature by '{}' does not verify", claimed.name);
        }
        const bool again = std::find(opened.signers.begin(), opened.signers.end(), claimed.name) !=
                           opened.signers.end();
        if (!again) opened.signers.push_back(claimed.name);
    }
    if (opened.signers.empty()) {
        return unauthenticated("no trusted key signed the note; '{}' claims to have",
                               parsed.signatures[0].name);
    }
    opened.text = std::move(parsed.text);
    return opened;
}

}  // namespace hf::trust
