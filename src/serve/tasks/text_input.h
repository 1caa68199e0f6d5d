// TextInput: how texts become the inputs of a language model: tokens (media/text/tokenizer.h), a
// row for each text, filled up to the longest, and the mask that says which are of the text.
//
// Immutable once made; from any thread. Pure.

#pragma once

#include "media/text/tokenizer.h"
#include "serve/tasks/kinds.h"

namespace hf::serve::tasks {

inline constexpr std::size_t kMaxTexts = 256;
inline constexpr std::int64_t kMaxTokens = 8192;  // of a text

class TextInput final {
public:
    // Of the member "text" of a declaration and its tokenizer.
    static Result<TextInput> read(const Making& making);

    // The body is {"input": "text"} or {"input": ["text", ...]}, or with text/plain one text.
    Result<Prepared> prepare(const Body& body) const;

    json::Object describe() const;

private:
    explicit TextInput(media::text::Tokenizer tokenizer) : tokenizer_(std::move(tokenizer)) {}

    enum class Role : unsigned char { kIds, kMask, kTypes };
    struct Input {
        Role role;
        DType dtype;
    };
    Status take_inputs(const Fields& text, const runtime::Signature& signature);
    Tensor to_tensor(const Input& input, const std::vector<std::vector<std::int64_t>>& tokens,
                     std::size_t width) const;

    media::text::Tokenizer tokenizer_;
    std::vector<Input> inputs_;              // in signature order
    std::int64_t texts_ = Shape::kUnknown;   // at a time
    std::int64_t tokens_ = Shape::kUnknown;  // of each
    std::size_t tokens_max_ = 0;
};

}  // namespace hf::serve::tasks
