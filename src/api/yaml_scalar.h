// What a YAML scalar means: the core schema of YAML 1.2.2, section 10.3.2. Pure.

#pragma once

#include <string_view>

#include "base/json.h"

namespace hf::api {

// `tag` as yaml-cpp tells it: "?" plain, "!" quoted, else the tag that was written.
// INVALID_ARGUMENT for foreign tags, values that do not fit their tag, and infinities.
Result<json::Value> resolve_yaml_scalar(std::string_view tag, std::string_view text);

// Whether a plain scalar of this text would be read as this very text.
bool is_plain_yaml_text(std::string_view text);

}  // namespace hf::api
