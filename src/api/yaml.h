// YAML to JSON values and back: the one adapter over yaml-cpp. What is read is YAML 1.2's core
// schema as far as JSON can hold it: `yes` and `0o17` are what that standard says, not what 1.1
// said.
//
// Hostile text is bounded: bytes, depth, and values after aliases are expanded. Refused with line
// and column: duplicate keys, keys that are not scalars, merge keys (<<), foreign tags, infinities.
// Pure functions.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace hf::api {

inline constexpr std::size_t kMaxYamlBytes = 4u << 20;
inline constexpr std::size_t kMaxYamlValues = 200'000;       // aliases count as what they stand for
inline constexpr std::size_t kMaxYamlTextBytes = 16u << 20;  // of all scalars, aliases counted
inline constexpr std::size_t kMaxYamlDocuments = 1000;

// All documents of the text; empty ones are left out. JSON is YAML, and read too.
Result<std::vector<json::Value>> parse_yaml_documents(std::string_view text);

// Exactly one document.
Result<json::Value> parse_yaml(std::string_view text);

// Block style; reads back as the same value.
std::string write_yaml(const json::Value& value);

}  // namespace hf::api
