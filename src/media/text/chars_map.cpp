#include "media/text/chars_map.h"

#include "base/bytes.h"
#include "base/text.h"
#include "media/text/unicode.h"

namespace hf::media::text {
namespace {

constexpr std::size_t kLongestReplacement = 256;  // bytes; Unicode's longest have 36
constexpr std::size_t kLongestGrapheme = 5;       // in bytes, of those replaced as a whole

// A unit of the trie: what its node is labelled with, and where its children lie.
struct Unit {
    std::uint32_t bits;

    bool has_leaf() const { return ((bits >> 8) & 1) == 1; }
    std::size_t value() const { return bits & 0x7FFFFFFF; }  // of a leaf
    std::uint32_t label() const { return bits & 0x800000FF; }
    std::size_t offset() const { return std::size_t{bits >> 10} << ((bits & 0x200) >> 6); }
};

}  // namespace

Result<CharsMap> CharsMap::parse(std::string_view base64) {
    const Bytes bytes = HF_TRY(from_base64(base64));
    constexpr std::size_t kHead = sizeof(std::uint32_t);
    if (bytes.size() < kHead) return invalid_argument("it is cut off");
    const std::size_t size = load_le<std::uint32_t>(bytes.data());
    if (size == 0 || size % sizeof(std::uint32_t) != 0 || size > bytes.size() - kHead) {
        return invalid_argument("it has a trie of {} bytes, and {} in all", size, bytes.size());
    }
    CharsMap map;
    for (std::size_t at = kHead; at < kHead + size; at += sizeof(std::uint32_t)) {
        map.units_.push_back(load_le<std::uint32_t>(bytes.data() + at));
    }
    map.replacements_ = as_text(ByteView(bytes).subspan(kHead + size));
    if (!is_utf8(map.replacements_)) return invalid_argument("its replacements are not UTF-8");
    map.replacements_.push_back('\0');
    for (std::size_t at = 0; at < map.replacements_.size();) {
        const std::size_t end = map.replacements_.find('\0', at);
        if (end - at > kLongestReplacement) {
            return resource_exhausted("it has a replacement of {} bytes; at most {}", end - at,
                                      kLongestReplacement);
        }
        at = end + 1;
    }
    return map;
}

// The replacement of the shortest prefix that has one. What lies outside of the trie or of the
// replacements, or in the middle of a character, is none.
std::optional<std::string_view> CharsMap::find(std::string_view chunk) const {
    std::size_t node = Unit{units_[0]}.offset();
    for (const char c : chunk) {
        const auto byte = static_cast<unsigned char>(c);
        node ^= byte;
        if (byte == 0 || node >= units_.size()) return std::nullopt;
        const Unit unit{units_[node]};
        if (unit.label() != byte) return std::nullopt;
        node ^= unit.offset();
        if (!unit.has_leaf()) continue;
        if (node >= units_.size()) return std::nullopt;
        const std::size_t at = Unit{units_[node]}.value();
        if (at >= replacements_.size()) return std::nullopt;
        if ((static_cast<unsigned char>(replacements_[at]) & 0xC0) == 0x80) return std::nullopt;
        return std::string_view(replacements_.c_str() + at);
    }
    return std::nullopt;
}

std::u32string CharsMap::apply(std::u32string_view text) const {
    std::u32string out;
    GraphemeBreaks breaks;
    for (std::size_t start = 0; start < text.size();) {
        std::size_t end = start + 1;
        while (end < text.size() && !breaks.between(text[end - 1], text[end])) ++end;
        const std::u32string_view grapheme = text.substr(start, end - start);
        start = end;
        if (grapheme.size() <= kLongestGrapheme) {
            const std::string whole = to_utf8(grapheme);
            const auto found = whole.size() <= kLongestGrapheme ? find(whole) : std::nullopt;
            if (found) {
                out += to_points(*found);
                continue;
            }
        }
        for (const char32_t point : grapheme) {
            const auto found = find(to_utf8({&point, 1}));
            out += found ? to_points(*found) : std::u32string(1, point);
        }
    }
    return out;
}

}  // namespace hf::media::text
