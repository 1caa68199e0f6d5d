// Normalizers of a tokenizer.json: what a text becomes before it is split. BertNormalizer,
// Lowercase, StripAccents, NFC, NFD, NFKC, NFKD, and a Sequence of them.
//
// A value; immutable once made. Pure. UNIMPLEMENTED names a component that is not built.

#pragma once

#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "media/text/unicode.h"

namespace hf::media::text {

class Normalizer final {
public:
    // `value`: the member "normalizer", which may be null.
    static Result<Normalizer> parse(const json::Value* value);

    std::u32string apply(std::u32string text) const;

private:
    enum class Step : unsigned char {
        kClean,    // no control characters, every white space a blank
        kChinese,  // blanks around ideographs
        kStripAccents,
        kLowercase,
        kNfc,
        kNfd,
        kNfkc,
        kNfkd,
    };
    Status add(const json::Value& value, int depth);
    void add_bert(const json::Value& value);

    std::vector<Step> steps_;
};

}  // namespace hf::media::text
