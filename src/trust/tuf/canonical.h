// The canonical JSON of OLPC: the bytes that are signed in metadata of The Update Framework.
//
// No white space; members in the order of their names' code points; in strings only '"' and '\'
// have a backslash before them, all other characters stand as they are, control characters too.
// Numbers are integers: INVALID_ARGUMENT for any other. Pure.

#pragma once

#include <string>

#include "base/json.h"

namespace hf::trust::tuf {

Result<std::string> canonical_json(const json::Value& value);

}  // namespace hf::trust::tuf
