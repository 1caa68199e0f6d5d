#include "media/text/tokenizer.h"

#include <algorithm>

#include "base/text.h"

namespace hf::media::text {
namespace {

constexpr int kMaxNested = 8;

// ["[SEP]", 102]
Result<TokenId> id_of_pair(const json::Value& value, std::string_view key) {
    const json::Array* const pair = json::find_array(value, key);
    const bool good = pair && pair->size() == 2 && (*pair)[1].is_int64();
    if (!good) return invalid_argument("{}: want a token and its number", key);
    return (*pair)[1].get_int64();
}

}  // namespace

Status Tokenizer::add_tokens(const json::Value& file) {
    const json::Array* const all = json::find_array(file, "added_tokens");
    if (!all) return {};
    if (all->size() > kMaxAddedTokens) {
        return resource_exhausted("added_tokens: above {}", kMaxAddedTokens);
    }
    for (const json::Value& value : *all) {
        Added added;
        const std::string content = HF_TRY(json::need_string(value, "content"));
        added.id = HF_TRY(json::need_int(value, "id"));
        if (content.empty() || !is_utf8(content))
            return invalid_argument("an added token is empty");
        if (json::get_bool(value, "single_word")) {
            return unimplemented("the added token '{}' with 'single_word' is not built", content);
        }
        added.content = to_points(content);
        added.strip_left = json::get_bool(value, "lstrip");
        added.strip_right = json::get_bool(value, "rstrip");
        const bool special = json::get_bool(value, "special");
        if (json::get_bool(value, "normalized", !special)) {
            added.content = HF_TRY(normalizer_.apply(std::move(added.content)));
            if (!added.content.empty()) normalized_.push_back(std::move(added));
        } else {
            raw_.push_back(std::move(added));
        }
    }
    const auto longer = [](const Added& a, const Added& b) {
        return a.content.size() > b.content.size();
    };
    std::stable_sort(raw_.begin(), raw_.end(), longer);
    std::stable_sort(normalized_.begin(), normalized_.end(), longer);
    return {};
}

Status Tokenizer::read_template(const json::Value& value) {
    const json::Array* const single = json::find_array(value, "single");
    bool seen = false;
    for (std::size_t i = 0; single && i < single->size(); ++i) {
        if (json::find_object((*single)[i], "Sequence")) {
            seen = true;
            continue;
        }
        const std::string_view name = json::get_string(
            json::find_path((*single)[i], {"SpecialToken"}) ? (*single)[i].at("SpecialToken")
                                                            : (*single)[i],
            "id");
        const json::Value* const ids = json::find_path(value, {"special_tokens", name, "ids"});
        if (!ids || !ids->is_array()) {
            return invalid_argument("post_processor: '{}' has no numbers", name);
        }
        for (const json::Value& id : ids->get_array()) {
            if (!id.is_int64()) return invalid_argument("post_processor: '{}' has no number", name);
            (seen ? after_ : before_).push_back(id.get_int64());
        }
    }
    if (!seen) return invalid_argument("post_processor: the template has no text");
    return {};
}

Status Tokenizer::read_around(const json::Value* value, int depth) {
    if (!value || value->is_null()) return {};
    const std::string_view type = json::get_string(*value, "type");
    if (type == "ByteLevel") return {};  // of offsets only
    if (type == "TemplateProcessing") return read_template(*value);
    if (type == "BertProcessing" || type == "RobertaProcessing") {
        before_.push_back(HF_TRY(id_of_pair(*value, "cls").context("post_processor")));
        after_.push_back(HF_TRY(id_of_pair(*value, "sep").context("post_processor")));
        return {};
    }
    if (type == "Sequence" && depth < kMaxNested) {
        const json::Array* const all = json::find_array(*value, "processors");
        for (std::size_t i = 0; all && i < all->size(); ++i) {
            HF_TRY(read_around(&(*all)[i], depth + 1));
        }
        return {};
    }
    return unimplemented("the post-processor '{}' is not built", type);
}

Result<Tokenizer> Tokenizer::parse(std::string_view json_text) {
    const json::Value file = HF_TRY(json::parse(json_text, kMaxTokenizerBytes));
    const json::Value* const model = json::find(file, "model");
    if (!model) return invalid_argument("this is no tokenizer.json: it has no member 'model'");
    Tokenizer tokenizer;
    tokenizer.normalizer_ = HF_TRY(Normalizer::parse(json::find(file, "normalizer")));
    tokenizer.words_ = HF_TRY(Words::parse(json::find(file, "pre_tokenizer")));
    tokenizer.pieces_ = HF_TRY(Pieces::parse(*model));
    HF_TRY(tokenizer.add_tokens(file));
    HF_TRY(tokenizer.read_around(json::find(file, "post_processor"), 0));
    const json::Value* const padding = json::find_path(file, {"padding"});
    if (padding && padding->is_object()) {
        tokenizer.pad_id_ = std::clamp<TokenId>(json::get_int(*padding, "pad_id"), 0, kMaxTokenId);
    }
    return tokenizer;
}

const Tokenizer::Added* Tokenizer::find_added(const AllAdded& added, std::u32string_view text) {
    for (const Added& one : added) {  // the longest first
        if (text.starts_with(one.content)) return &one;
    }
    return nullptr;
}

template <typename Rest>
void Tokenizer::between(const AllAdded& added, std::u32string_view text, std::vector<TokenId>& to,
                        Rest rest) const {
    std::size_t start = 0;
    std::size_t at = 0;
    while (at < text.size() && !added.empty()) {
        const Added* const found = find_added(added, text.substr(at));
        if (!found) {
            ++at;
            continue;
        }
        std::size_t end = at;
        while (found->strip_left && end > start && is_space(text[end - 1])) --end;
        rest(text.substr(start, end - start), start == 0);
        to.push_back(found->id);
        start = at + found->content.size();
        while (found->strip_right && start < text.size() && is_space(text[start])) ++start;
        at = start;
    }
    rest(text.substr(start), start == 0);
}

Result<std::vector<TokenId>> Tokenizer::encode(std::string_view text,
                                               std::size_t tokens_max) const {
    if (text.size() > kMaxTextBytes) {
        return resource_exhausted("a text of {} bytes; at most {}", text.size(), kMaxTextBytes);
    }
    if (!is_utf8(text)) return invalid_argument("a text is not in UTF-8");
    std::vector<TokenId> ids;
    Status grown;
    const std::u32string points = to_points(text);
    between(raw_, points, ids, [&](std::u32string_view part, bool first) {
        if (part.empty() || !grown.ok()) return;
        const Result<std::u32string> normal = normalizer_.apply(std::u32string(part));
        grown = normal.status();
        if (!grown.ok()) return;
        between(normalized_, *normal, ids, [&](std::u32string_view words, bool first_too) {
            for (const std::string& word :
                 words_.split(std::u32string(words), first && first_too)) {
                pieces_->split(word, ids);
            }
        });
    });
    HF_TRY(std::move(grown));
    const std::size_t room = tokens_max > around() ? tokens_max - around() : 0;
    if (ids.size() > room) ids.resize(room);
    ids.insert(ids.begin(), before_.begin(), before_.end());
    ids.insert(ids.end(), after_.begin(), after_.end());
    return ids;
}

}  // namespace hf::media::text
