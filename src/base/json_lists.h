// Lists in JSON objects, read leniently: what is not there, or is something else, is empty. Pure.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace hf::json {

// The array under `key`, or an empty one.
const Array& items_of(const Value& value, std::string_view key);

// The strings of that array; what is none is left out.
std::vector<std::string> strings_of(const Value& value, std::string_view key);

}  // namespace hf::json
