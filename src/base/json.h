// JSON values, over Boost.JSON: this header and json.cpp are the only adapter around it. Objects
// keep their order; integers stay integers.
//
// Parsing is strict RFC 8259 (no comments, no trailing commas, UTF-8 checked, no duplicate keys)
// and bounded: depth 64 and the caller's size. Errors give line and column. The find_* helpers
// answer nullptr or a fallback instead of throwing; use them, not .at() or as_*().
//
// Thread-safety: values.

#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "base/status.h"

namespace hf::json {

using Value = boost::json::value;
using Object = boost::json::object;
using Array = boost::json::array;

inline constexpr std::size_t kMaxDepth = 64;
inline constexpr std::size_t kDefaultMaxBytes = 16u << 20;

Result<Value> parse(std::string_view text, std::size_t max_bytes = kDefaultMaxBytes);

// Compact, on one line; and with two-space indentation and a final newline.
std::string write(const Value& value);
std::string write_pretty(const Value& value);

// Object keys in code-point order at every level, compact: equal values give equal bytes.
std::string write_canonical(const Value& value);

// Members; nullptr when `value` is not an object, lacks the key, or has another type there.
const Value* find(const Value& value, std::string_view key);
const Object* find_object(const Value& value, std::string_view key);
const Array* find_array(const Value& value, std::string_view key);

// The text, integer or truth at `key`, or the fallback when absent or of another type.
std::string_view get_string(const Value& value, std::string_view key,
                            std::string_view fallback = {});
std::int64_t get_int(const Value& value, std::string_view key, std::int64_t fallback = 0);
bool get_bool(const Value& value, std::string_view key, bool fallback = false);

// As above, but INVALID_ARGUMENT naming the key and the wanted type when it is not there.
Result<std::string> need_string(const Value& value, std::string_view key);
Result<std::int64_t> need_int(const Value& value, std::string_view key);

// Follows a path of keys: find_path(v, {"metadata", "name"}).
const Value* find_path(const Value& value, std::initializer_list<std::string_view> keys);

inline std::string_view as_view(const boost::json::string& text) {
    return {text.data(), text.size()};
}

}  // namespace hf::json
