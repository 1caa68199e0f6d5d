// Patches of JSON values: merge patch (RFC 7386) and JSON patch (RFC 6902) with JSON pointers
// (RFC 6901). All or nothing: on error the value is as it was. Pure functions.

#pragma once

#include "base/json.h"

namespace hf::api {

// Bounds for hostile patches.
inline constexpr std::size_t kMaxPatchOperations = 1000;
inline constexpr std::size_t kMaxPatchedBytes = 8u << 20;  // of all values that `copy` multiplies

// RFC 7386: members of objects are merged, null removes, anything else replaces.
void merge_patch(json::Value& target, const json::Value& patch);

// RFC 6902. INVALID_ARGUMENT names the operation by number when the patch is malformed;
// FAILED_PRECONDITION when it is well-formed but does not fit the value (a path that is not there,
// a `test` that fails).
Status json_patch(json::Value& target, const json::Value& patch);

}  // namespace hf::api
