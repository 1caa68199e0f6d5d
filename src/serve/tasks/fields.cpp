#include "serve/tasks/fields.h"

#include <cmath>

#include "base/text.h"

namespace hf::serve::tasks {
namespace {

Status wrong(const std::string& place, std::string_view wanted) {
    return invalid_argument("{}: want {}", place.empty() ? "/" : place, wanted);
}

Result<double> finite(const json::Value& value, const std::string& place) {
    if (!value.is_number()) return wrong(place, "a number");
    const double number = value.to_number<double>();
    if (!std::isfinite(number)) return wrong(place, "a finite number");
    return number;
}

}  // namespace

Result<Fields> Fields::of(const json::Value& value, std::string at) {
    if (!value.is_object()) return wrong(at, "an object");
    return Fields(value.get_object(), std::move(at));
}

Status Fields::only(std::initializer_list<std::string_view> known) const {
    const std::vector<std::string> names(known.begin(), known.end());
    for (const auto& member : *object_) {
        const std::string_view key = member.key();
        if (std::find(names.begin(), names.end(), key) != names.end()) continue;
        return invalid_argument("{}: there is no such field{}", place(key),
                                suggestion(key, names, "fields"));
    }
    return {};
}

Result<std::optional<Fields>> Fields::child(std::string_view key) const {
    const json::Value* const value = object_->if_contains(key);
    if (!value) return std::optional<Fields>();
    return std::optional<Fields>(HF_TRY(of(*value, place(key))));
}

Result<const json::Array*> Fields::list(std::string_view key) const {
    const json::Value* const value = object_->if_contains(key);
    if (!value) return static_cast<const json::Array*>(nullptr);
    if (!value->is_array()) return wrong(place(key), "an array");
    if (value->get_array().size() > kMaxListed) {
        return resource_exhausted("{}: more than {} entries", place(key), kMaxListed);
    }
    return &value->get_array();
}

Result<std::vector<Fields>> Fields::children(std::string_view key) const {
    std::vector<Fields> all;
    const json::Array* const array = HF_TRY(list(key));
    for (std::size_t i = 0; array && i < array->size(); ++i) {
        all.push_back(HF_TRY(of((*array)[i], fmt::format("{}/{}", place(key), i))));
    }
    return all;
}

Result<std::string> Fields::text(std::string_view key, std::string fallback) const {
    const json::Value* const value = object_->if_contains(key);
    if (!value) return fallback;
    if (!value->is_string()) return wrong(place(key), "a string");
    return std::string(json::as_view(value->get_string()));
}

Result<std::int64_t> Fields::integer(std::string_view key, std::int64_t fallback,
                                     Range range) const {
    const json::Value* const value = object_->if_contains(key);
    if (!value) return fallback;
    const bool whole = value->is_int64();  // a parser makes no uint64 of what fits
    if (!whole || value->get_int64() < range.least || value->get_int64() > range.most) {
        return wrong(place(key), fmt::format("an integer {} to {}", range.least, range.most));
    }
    return value->get_int64();
}

Result<double> Fields::number(std::string_view key, double fallback) const {
    const json::Value* const value = object_->if_contains(key);
    if (!value) return fallback;
    return finite(*value, place(key));
}

Result<bool> Fields::truth(std::string_view key, bool fallback) const {
    const json::Value* const value = object_->if_contains(key);
    if (!value) return fallback;
    if (!value->is_bool()) return wrong(place(key), "true or false");
    return value->get_bool();
}

Result<std::size_t> Fields::choice(std::string_view key,
                                   std::initializer_list<std::string_view> words) const {
    if (!has(key)) return std::size_t{0};
    const std::vector<std::string> known(words.begin(), words.end());
    const std::string given = HF_TRY(text(key, ""));
    const auto found = std::find(known.begin(), known.end(), given);
    if (found == known.end()) {
        return invalid_argument("{}: '{}' is none of: {}", place(key), given, join(known, ", "));
    }
    return static_cast<std::size_t>(found - known.begin());
}

Result<std::vector<std::string>> Fields::texts(std::string_view key) const {
    std::vector<std::string> all;
    const json::Array* const array = HF_TRY(list(key));
    for (std::size_t i = 0; array && i < array->size(); ++i) {
        const json::Value& value = (*array)[i];
        if (!value.is_string()) return wrong(fmt::format("{}/{}", place(key), i), "a string");
        all.emplace_back(json::as_view(value.get_string()));
    }
    return all;
}

Result<std::vector<double>> Fields::numbers(std::string_view key) const {
    std::vector<double> all;
    const json::Array* const array = HF_TRY(list(key));
    for (std::size_t i = 0; array && i < array->size(); ++i) {
        all.push_back(HF_TRY(finite((*array)[i], fmt::format("{}/{}", place(key), i))));
    }
    return all;
}

}  // namespace hf::serve::tasks
