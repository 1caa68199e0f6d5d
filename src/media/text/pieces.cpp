#include "media/text/pieces.h"

namespace hf::media::text {

Result<Vocabulary> parse_vocabulary(const json::Value& model) {
    const json::Object* const vocab = json::find_object(model, "vocab");
    if (!vocab) return invalid_argument("vocab: want an object of tokens and their numbers");
    Vocabulary vocabulary;
    for (const auto& member : *vocab) {
        const json::Value& id = member.value();
        if (!id.is_int64() || id.get_int64() < 0 || id.get_int64() > kMaxTokenId) {
            return invalid_argument("vocab: '{}' has no number 0 to {}",
                                    std::string_view(member.key()), kMaxTokenId);
        }
        vocabulary.emplace(std::string_view(member.key()), id.get_int64());
    }
    return vocabulary;
}

std::optional<TokenId> find_token(const Vocabulary& vocabulary, std::string_view token) {
    const auto found = vocabulary.find(token);
    if (found == vocabulary.end()) return std::nullopt;
    return found->second;
}

ByteTokens find_byte_tokens(const Vocabulary& vocabulary) {
    ByteTokens tokens;
    for (std::size_t byte = 0; byte < tokens.size(); ++byte) {
        tokens[byte] = find_token(vocabulary, fmt::format("<0x{:02X}>", byte));
    }
    return tokens;
}

bool add_bytes(const ByteTokens& tokens, std::string_view text, std::vector<TokenId>& to) {
    const std::size_t before = to.size();
    for (const char byte : text) {
        const std::optional<TokenId>& token = tokens[static_cast<unsigned char>(byte)];
        if (!token) {
            to.resize(before);
            return false;
        }
        to.push_back(*token);
    }
    return true;
}

std::size_t character_bytes(std::string_view text) {
    std::size_t size = 1;
    while (size < text.size() && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) ++size;
    return size;
}

Result<std::unique_ptr<const Pieces>> Pieces::parse(const json::Value& value) {
    const std::string_view type = json::get_string(value, "type");
    if (type == "WordPiece") return parse_word_piece(value).context("model");
    if (type == "BPE") return parse_bpe(value).context("model");
    if (type == "Unigram") return parse_unigram(value).context("model");
    return unimplemented("the model '{}' is not built", type);
}

}  // namespace hf::media::text
