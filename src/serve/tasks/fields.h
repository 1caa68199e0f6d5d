// Fields: an object of a task's declaration or a guard, read strictly. Every error begins with the
// JSON pointer of what is wrong; a field that is not known is refused, and a likely one is named.
//
// A value that borrows. REQUIRES: the JSON outlives it. Pure.

#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/status.h"

namespace hf::serve::tasks {

inline constexpr std::size_t kMaxListed = 100'000;  // entries of any list in a declaration

struct Range {
    std::int64_t least = 0;
    std::int64_t most = 0;
};

class Fields final {
public:
    // INVALID_ARGUMENT when it is no object. `at`: its JSON pointer, "" for the whole.
    static Result<Fields> of(const json::Value& value, std::string at);

    // That there are no others than these.
    Status only(std::initializer_list<std::string_view> known) const;

    bool has(std::string_view key) const { return object_->contains(key); }
    std::string place(std::string_view key) const { return at_ + "/" + std::string(key); }
    const std::string& at() const { return at_; }

    // Nullopt when it is not there.
    Result<std::optional<Fields>> child(std::string_view key) const;
    Result<std::vector<Fields>> children(std::string_view key) const;  // empty when not there

    // The fallback when it is not there.
    Result<std::string> text(std::string_view key, std::string fallback) const;
    Result<std::int64_t> integer(std::string_view key, std::int64_t fallback, Range range) const;
    Result<double> number(std::string_view key, double fallback) const;  // finite
    Result<bool> truth(std::string_view key, bool fallback) const;

    // Which of the words it is; the first when it is not there.
    Result<std::size_t> choice(std::string_view key,
                               std::initializer_list<std::string_view> words) const;

    // Empty when it is not there.
    Result<std::vector<std::string>> texts(std::string_view key) const;
    Result<std::vector<double>> numbers(std::string_view key) const;

    const json::Object& object() const { return *object_; }

private:
    Fields(const json::Object& object, std::string at) : object_(&object), at_(std::move(at)) {}
    Result<const json::Array*> list(std::string_view key) const;  // null when it is not there

    const json::Object* object_;
    std::string at_;
};

}  // namespace hf::serve::tasks
