#include "api/selector.h"

#include <algorithm>
#include <optional>

#include "api/names.h"
#include "base/text.h"

namespace hf::api {
namespace {

// Splits at commas outside of parentheses.
Result<std::vector<std::string_view>> split_requirements(std::string_view text) {
    if (text.size() > kMaxSelectorBytes)
        return invalid_argument("the selector exceeds {} bytes", kMaxSelectorBytes);
    std::vector<std::string_view> parts;
    std::size_t start = 0;
    bool inside = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '(' || text[i] == ')') {
            if (inside == (text[i] == '('))
                return invalid_argument("selector '{}': parentheses do not pair", text);
            inside = !inside;
        } else if (text[i] == ',' && !inside) {
            parts.push_back(trim(text.substr(start, i - start)));
            start = i + 1;
        }
    }
    if (inside) return invalid_argument("selector '{}': ')' is missing", text);
    parts.push_back(trim(text.substr(start)));
    return parts;
}

struct Comparison {
    std::string_view key, value;
    bool equal = true;
};

// "a=b", "a==b" or "a!=b"; nothing when there is no "=".
std::optional<Comparison> split_comparison(std::string_view text) {
    const std::size_t at = text.find('=');
    if (at == std::string_view::npos || at == 0) return std::nullopt;
    const bool equal = text[at - 1] != '!';
    const std::size_t key_end = equal ? at : at - 1;
    std::string_view value = text.substr(at + 1);
    if (equal && value.starts_with('=')) value.remove_prefix(1);
    return Comparison{trim(text.substr(0, key_end)), trim(value), equal};
}

std::string text_at(const Object& object, std::string_view path) {
    const json::Value* at = &object.json();
    for (std::string_view part : split(path, '.')) {
        at = json::find(*at, part);
        if (!at) return {};
    }
    if (at->is_string()) return std::string(json::as_view(at->get_string()));
    return at->is_structured() || at->is_null() ? std::string() : json::write(*at);
}

}  // namespace

Result<LabelSelector::Requirement> LabelSelector::parse_requirement(std::string_view text) {
    Requirement requirement;
    const std::size_t open = text.find('(');
    if (open != std::string_view::npos) {
        std::vector<std::string_view> words;
        for (std::string_view word : split(trim(text.substr(0, open)), ' ')) {
            if (!trim(word).empty()) words.push_back(trim(word));
        }
        const bool good =
            words.size() == 2 && (words[1] == "in" || words[1] == "notin") && text.back() == ')';
        if (!good) return invalid_argument("selector '{}': want 'KEY in (A,B)'", text);
        requirement.key = std::string(words[0]);
        requirement.op = words[1] == "in" ? Operator::kIn : Operator::kNotIn;
        for (std::string_view value : split(text.substr(open + 1, text.size() - open - 2), ','))
            requirement.values.emplace_back(trim(value));
    } else if (const std::optional<Comparison> pair = split_comparison(text)) {
        requirement.key = std::string(pair->key);
        requirement.op = pair->equal ? Operator::kIn : Operator::kNotIn;
        requirement.values.emplace_back(pair->value);
    } else {
        const bool negated = text.starts_with('!');
        requirement.key = std::string(trim(text.substr(negated)));
        requirement.op = negated ? Operator::kNotExists : Operator::kExists;
    }
    HF_TRY(check_qualified_name(requirement.key).context("selector '{}'", text));
    for (const std::string& value : requirement.values)
        HF_TRY(check_label_value(value).context("selector '{}'", text));
    return requirement;
}

Result<LabelSelector> LabelSelector::parse(std::string_view text) {
    LabelSelector selector;
    if (trim(text).empty()) return selector;
    const std::vector<std::string_view> parts = HF_TRY(split_requirements(text));
    for (std::string_view part : parts)
        selector.requirements_.push_back(HF_TRY(parse_requirement(part)));
    return selector;
}

bool LabelSelector::meets(const Requirement& want, bool has, std::string_view value) {
    const auto is_listed = [&] {
        return std::find(want.values.begin(), want.values.end(), value) != want.values.end();
    };
    switch (want.op) {
        case Operator::kExists: return has;
        case Operator::kNotExists: return !has;
        case Operator::kIn: return has && is_listed();
        case Operator::kNotIn: return !has || !is_listed();
    }
    return false;
}

bool LabelSelector::matches(const Object& object) const {
    const json::Object* labels = json::find_object(object.metadata(), "labels");
    return std::all_of(requirements_.begin(), requirements_.end(), [&](const Requirement& want) {
        return meets(want, labels && labels->contains(want.key), object.label(want.key));
    });
}

bool LabelSelector::matches(const Labels& labels) const {
    return std::all_of(requirements_.begin(), requirements_.end(), [&](const Requirement& want) {
        const auto at = labels.find(want.key);
        return at == labels.end() ? meets(want, false, {}) : meets(want, true, at->second);
    });
}

Result<FieldSelector> FieldSelector::parse(std::string_view text) {
    FieldSelector selector;
    if (trim(text).empty()) return selector;
    const std::vector<std::string_view> parts = HF_TRY(split_requirements(text));
    for (std::string_view part : parts) {
        if (part.empty()) continue;
        const std::optional<Comparison> pair = split_comparison(part);
        if (!pair || pair->key.empty()) {
            return invalid_argument("field selector '{}': want PATH=VALUE or PATH!=VALUE", part);
        }
        selector.requirements_.push_back(
            {std::string(pair->key), std::string(pair->value), pair->equal});
    }
    return selector;
}

bool FieldSelector::matches(const Object& object) const {
    return std::all_of(requirements_.begin(), requirements_.end(), [&](const Requirement& want) {
        return (text_at(object, want.path) == want.value) == want.equal;
    });
}

std::string FieldSelector::name() const {
    for (const Requirement& want : requirements_) {
        if (want.path == "metadata.name" && want.equal) return want.value;
    }
    return {};
}

}  // namespace hf::api
