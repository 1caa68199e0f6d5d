// What happens to an object on its way in: unknown fields, defaults, what the server decides, the
// checks of the kind's table, and what may not change. Pure functions over values; the time and the
// identity are handed in.
//
// Errors are INVALID_ARGUMENT: for unknown fields in Kubernetes' "strict decoding error" form, for
// the rest with Report::causes filled in.

#pragma once

#include <string>
#include <vector>

#include "api/validate.h"
#include "base/time.h"

namespace hf::resources {

// What a write has to say besides its answer.
struct Report {
    std::vector<std::string> warnings;
    std::vector<api::Cause> causes;  // of INVALID_ARGUMENT: what is wrong with the object
};

// The kind of an object that somebody sent. INVALID_ARGUMENT when apiVersion or kind is unknown,
// with what was perhaps meant.
Result<const api::Kind*> kind_of(const api::Object& object);

struct Admission {
    const api::Kind& kind;
    api::FieldValidation field_validation;
    Report& report;
};

// What the server gives a new object.
struct Birth {
    std::string uid;
    std::string name_suffix;  // for metadata.generateName
    Instant now;
};

Status admit_new(const Admission& admission, api::Object& object, const Birth& birth);

// Everything but status comes from `now`; the generation grows when what is wanted changes.
Status admit_change(const Admission& admission, const api::Object& before, api::Object& now);

// Only status comes from `now`.
Status admit_status(const Admission& admission, const api::Object& before, api::Object& now);

}  // namespace hf::resources
