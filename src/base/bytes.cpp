#include "base/bytes.h"

#include <array>

namespace hf {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kBase64Alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace

Result<ByteView> ByteReader::take(std::size_t size) {
    if (size > remaining()) {
        return data_loss("truncated: {} bytes wanted at offset {}, {} left", size, offset_,
                         remaining());
    }
    ByteView view = bytes_.subspan(offset_, size);
    offset_ += size;
    return view;
}

std::string to_hex(ByteView bytes) {
    std::string text(bytes.size() * 2, '0');
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        text[2 * i] = kHexDigits[bytes[i] >> 4];
        text[2 * i + 1] = kHexDigits[bytes[i] & 15];
    }
    return text;
}

Result<Bytes> from_hex(std::string_view text) {
    if (text.size() % 2 != 0) {
        return invalid_argument("hexadecimal text has odd length {}", text.size());
    }
    Bytes bytes;
    bytes.reserve(text.size() / 2);
    for (std::size_t i = 0; i < text.size(); i += 2) {
        const int high = hex_digit(text[i]);
        const int low = hex_digit(text[i + 1]);
        if (high < 0 || low < 0) {
            return invalid_argument("not a hexadecimal digit at offset {}", high < 0 ? i : i + 1);
        }
        bytes.push_back(static_cast<std::uint8_t>(high * 16 + low));
    }
    return bytes;
}

std::string to_base64(ByteView bytes) {
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
        std::uint32_t group = static_cast<std::uint32_t>(bytes[i]) << 16;
        if (count > 1) group |= static_cast<std::uint32_t>(bytes[i + 1]) << 8;
        if (count > 2) group |= bytes[i + 2];
        text.push_back(kBase64Alphabet[group >> 18]);
        text.push_back(kBase64Alphabet[(group >> 12) & 63]);
        text.push_back(count > 1 ? kBase64Alphabet[(group >> 6) & 63] : '=');
        text.push_back(count > 2 ? kBase64Alphabet[group & 63] : '=');
    }
    return text;
}

Result<Bytes> from_base64(std::string_view text) {
    if (text.size() % 4 != 0) {
        return invalid_argument("base64 length {} is not a multiple of four", text.size());
    }
    Bytes bytes;
    bytes.reserve(text.size() / 4 * 3);
    for (std::size_t i = 0; i < text.size(); i += 4) {
        const bool last = i + 4 == text.size();
        const std::size_t padding = !last || text[i + 3] != '=' ? 0 : (text[i + 2] == '=' ? 2 : 1);
        std::uint32_t group = 0;
        for (std::size_t j = 0; j < 4; ++j) {
            std::size_t digit = 0;
            if (j < 4 - padding) {
                digit = kBase64Alphabet.find(text[i + j]);
                if (digit == std::string_view::npos) {
                    return invalid_argument("not a base64 character at offset {}", i + j);
                }
            }
            group = group << 6 | static_cast<std::uint32_t>(digit);
        }
        const std::uint32_t tail_mask = padding == 2 ? 0xFFFF : padding == 1 ? 0xFF : 0;
        if ((group & tail_mask) != 0) return invalid_argument("base64 tail bits are not zero");
        bytes.push_back(static_cast<std::uint8_t>(group >> 16));
        if (padding < 2) bytes.push_back(static_cast<std::uint8_t>(group >> 8));
        if (padding < 1) bytes.push_back(static_cast<std::uint8_t>(group));
    }
    return bytes;
}

}  // namespace hf
