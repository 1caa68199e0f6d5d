// What `apply` sends: the merge patch (RFC 7386) that brings a live object to what a file says, and
// leaves alone what others set. As kubectl does it, with the file of last time kept in an
// annotation under kubectl's own name, so that both tools see each other's work.
//
// Pure functions.

#pragma once

#include <string>

#include "api/object.h"

namespace hf::api {

inline constexpr std::string_view kLastApplied = "kubectl.kubernetes.io/last-applied-configuration";

// `wanted` with itself, as it is, in the annotation.
Object with_last_applied(const Object& wanted);

// Adds and changes what `wanted` has and `live` lacks or has otherwise; removes what `last` had and
// `wanted` has no more. An empty object when nothing is to be done. A list is one value.
json::Value three_way_patch(const json::Value& last, const json::Value& wanted,
                            const json::Value& live);

// The patch from the live object's annotation to `wanted`, which gets the annotation too. An
// annotation that is not there, or no JSON, removes nothing.
json::Value apply_patch(const Object& wanted, const Object& live);

}  // namespace hf::api
