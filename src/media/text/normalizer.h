// Normalizers of a tokenizer.json: what a text becomes before it is split. BertNormalizer,
// Lowercase, StripAccents, NFC, NFD, NFKC, NFKD, Nmt, Precompiled (chars_map.h), Prepend, Replace
// (of a string, or of two blanks and more), Strip, and a Sequence of them.
//
// A value; immutable once made. Pure. UNIMPLEMENTED names a component that is not built.

#pragma once

#include <memory>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "media/text/chars_map.h"
#include "media/text/unicode.h"

namespace hf::media::text {

inline constexpr std::size_t kMaxNormalPoints = std::size_t{1} << 20;
inline constexpr std::size_t kMaxReplacementBytes = 256;  // of Prepend and Replace

class Normalizer final {
public:
    // `value`: the member "normalizer", which may be null.
    static Result<Normalizer> parse(const json::Value* value);

    // RESOURCE_EXHAUSTED when the text grows beyond kMaxNormalPoints.
    Result<std::u32string> apply(std::u32string text) const;

private:
    enum class Kind : unsigned char {
        kClean,         // no control characters, every white space a blank
        kChinese,       // blanks around ideographs
        kStripAccents,  // marks that take no place, as BertNormalizer
        kStripMarks,    // all marks, as StripAccents
        kLowercase,
        kNfc,
        kNfd,
        kNfkc,
        kNfkd,
        kNmt,
        kPrecompiled,
        kPrepend,
        kReplace,
        kReplaceBlanks,  // two and more
        kStripLeft,
        kStripRight,
    };
    struct Step {
        Kind kind = Kind::kClean;
        std::u32string from = {};
        std::u32string to = {};
        std::shared_ptr<const CharsMap> map = nullptr;
    };

    Status add(const json::Value& value, int depth);
    void add_bert(const json::Value& value);
    Status add_replace(const json::Value& value);
    static std::u32string apply_step(const Step& step, std::u32string text);

    std::vector<Step> steps_;
};

}  // namespace hf::media::text
