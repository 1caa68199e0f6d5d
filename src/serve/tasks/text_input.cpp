#include "serve/tasks/text_input.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace hf::serve::tasks {
namespace {

Result<std::vector<std::string>> texts_of(const Body& body, bool& single) {
    if (to_lower(body.media_type).starts_with("text/plain")) {
        single = true;
        return std::vector<std::string>{std::string(as_text(body.bytes))};
    }
    const json::Value value = HF_TRY(json::parse(as_text(body.bytes), body.bytes.size()));
    const Fields fields = HF_TRY(Fields::of(value, ""));
    HF_TRY(fields.only({"input"}));
    const json::Value* const input = json::find(value, "input");
    single = input && input->is_string();
    if (single) return std::vector<std::string>{HF_TRY(fields.text("input", ""))};
    std::vector<std::string> texts = HF_TRY(fields.texts("input"));
    if (texts.empty()) return invalid_argument("/input: want a text, or an array of them");
    if (texts.size() > kMaxTexts) {
        return resource_exhausted("/input: {} texts; at most {}", texts.size(), kMaxTexts);
    }
    return texts;
}

Status check_input(const Fields& text, const runtime::Port& port) {
    const bool type = port.dtype == DType::kI64 || port.dtype == DType::kI32;
    if (type && port.shape.rank() == 2) return {};
    return invalid_argument("{}: the input '{}' has {} of shape {}, and tokens are integers, NxT",
                            text.at(), port.name, dtype_name(port.dtype), port.shape.to_string());
}

}  // namespace

Status TextInput::take_inputs(const Fields& text, const runtime::Signature& signature) {
    std::array<std::string, 3> names;
    names[0] = HF_TRY(text.text("ids", "input_ids"));
    names[1] = HF_TRY(text.text("mask", "attention_mask"));
    names[2] = HF_TRY(text.text("types", "token_type_ids"));
    bool has_ids = false;
    for (const runtime::Port& port : signature.inputs) {
        const auto name = std::find(names.begin(), names.end(), port.name);
        if (name == names.end()) {
            return invalid_argument(
                "{}: the input '{}' is none of: {} (ids), {} (mask), {} (types)", text.at(),
                port.name, names[0], names[1], names[2]);
        }
        HF_TRY(check_input(text, port));
        inputs_.push_back({static_cast<Role>(name - names.begin()), port.dtype});
        has_ids = has_ids || inputs_.back().role == Role::kIds;
        if (port.shape[0] != Shape::kUnknown) texts_ = port.shape[0];
        if (port.shape[1] != Shape::kUnknown) tokens_ = port.shape[1];
    }
    if (!has_ids) return invalid_argument("{}: the model has no '{}'", text.place("ids"), names[0]);
    return {};
}

Result<TextInput> TextInput::read(const Making& making) {
    static const json::Value kNothing = json::Object();
    if (making.declaration.tokenizer.empty()) {
        return invalid_argument("/kind: texts want a tokenizer: put MODEL.tokenizer.json beside");
    }
    TextInput input(
        HF_TRY(media::text::Tokenizer::parse(making.declaration.tokenizer).context("tokenizer")));
    const std::optional<Fields> given = HF_TRY(making.fields.child("text"));
    const Fields text = given ? *given : HF_TRY(Fields::of(kNothing, making.fields.place("text")));
    HF_TRY(text.only({"ids", "mask", "types", "max_tokens"}));
    HF_TRY(input.take_inputs(text, making.signature));
    const std::int64_t most =
        input.tokens_ == Shape::kUnknown ? kMaxTokens : std::min(input.tokens_, kMaxTokens);
    const auto around = static_cast<std::int64_t>(input.tokenizer_.around());
    const std::int64_t fallback = std::min<std::int64_t>(most, 512);
    const std::int64_t tokens = HF_TRY(text.integer("max_tokens", fallback, {around + 1, most}));
    if (tokens <= around) {
        return invalid_argument("{}: {} leave no room for a text", text.place("max_tokens"),
                                tokens);
    }
    input.tokens_max_ = static_cast<std::size_t>(tokens);
    return input;
}

Tensor TextInput::to_tensor(const Input& input,
                            const std::vector<std::vector<std::int64_t>>& tokens,
                            std::size_t width) const {
    Tensor tensor(input.dtype,
                  {static_cast<std::int64_t>(tokens.size()), static_cast<std::int64_t>(width)});
    for (std::size_t row = 0; row < tokens.size(); ++row) {
        for (std::size_t i = 0; i < width; ++i) {
            const bool is_text = i < tokens[row].size();
            std::int64_t value = 0;
            if (input.role == Role::kIds) value = is_text ? tokens[row][i] : tokenizer_.pad_id();
            if (input.role == Role::kMask) value = is_text ? 1 : 0;
            const std::size_t at = row * width + i;
            if (input.dtype == DType::kI64) {
                tensor.mutable_values<std::int64_t>()[at] = value;
            } else {
                tensor.mutable_values<std::int32_t>()[at] = static_cast<std::int32_t>(value);
            }
        }
    }
    return tensor;
}

Result<Prepared> TextInput::prepare(const Body& body) const {
    Prepared prepared;
    const std::vector<std::string> texts = HF_TRY(texts_of(body, prepared.single));
    if (texts_ != Shape::kUnknown && texts_ != static_cast<std::int64_t>(texts.size())) {
        return invalid_argument("/input: {} texts, and the model takes {} at a time", texts.size(),
                                texts_);
    }
    std::vector<std::vector<std::int64_t>> tokens;
    std::size_t width = tokens_ == Shape::kUnknown ? 1 : static_cast<std::size_t>(tokens_);
    for (std::size_t i = 0; i < texts.size(); ++i) {
        tokens.push_back(
            HF_TRY(tokenizer_.encode(texts[i], tokens_max_).context("/input, text {}", i)));
        prepared.lengths.push_back(tokens.back().size());
        width = std::max(width, tokens.back().size());
    }
    prepared.rows = texts.size();
    for (const Input& input : inputs_) prepared.inputs.push_back(to_tensor(input, tokens, width));
    return prepared;
}

json::Object TextInput::describe() const {
    return {{"media_types", json::Array{"application/json", "text/plain"}},
            {"max_tokens", tokens_max_}};
}

}  // namespace hf::serve::tasks
