// What may be written of a Service's cascade, beyond what its table says: a service does not ask
// itself, neither directly nor by way of others, and no answer goes through more than
// api::kCascadeDepthMax upstreams. An upstream that is not there yet is no error: manifests come in
// any order, and the service stands alone until it is (control/place/upstreams.h).
//
// Pure. Two writes at the same time can each be good and make a ring together; the placer then has
// all of the ring stand alone.

#pragma once

#include <vector>

#include "api/object.h"

namespace hf::control {

// `others`: the Services of its namespace as they are. OK for other kinds. INVALID_ARGUMENT names
// the field, what is wrong and the remedy.
Status admit_cascade(const api::Object& now, const std::vector<api::Object>& others);

// Whether admit_cascade() has something to look at.
bool changes_cascade(const api::Object* before, const api::Object& now);

}  // namespace hf::control
