// Pre-tokenizers of a tokenizer.json: how a text is split into words. BertPreTokenizer,
// WhitespaceSplit and ByteLevel, whose words are in GPT-2's alphabet: a visible character for each
// byte.
//
// A value; immutable once made. Pure. UNIMPLEMENTED names a component that is not built.

#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "media/text/unicode.h"

namespace hf::media::text {

class Words final {
public:
    // `value`: the member "pre_tokenizer", which may be null: one word then.
    static Result<Words> parse(const json::Value* value);

    std::vector<std::string> split(const std::u32string& text) const;

    bool by_bytes() const { return kind_ == Kind::kByteLevel; }

private:
    enum class Kind : unsigned char { kNone, kBert, kWhitespaceSplit, kByteLevel };

    Kind kind_ = Kind::kNone;
    bool add_prefix_space_ = true;
    bool use_regex_ = true;
};

}  // namespace hf::media::text
