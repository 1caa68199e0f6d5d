// The parameters that requests to load and unload models may have. Pure.

#pragma once

#include <optional>
#include <string_view>

#include "base/status.h"

namespace hf::serve {

enum class Change : unsigned char { kLoad, kUnload };

// What the parameters of a request for a change ask for.
struct ChangeTerms {
    bool dependents = false;  // "unload_dependents": what the model is made of goes, too
};

// Takes a parameter of a request for this change; `truth` where its value is one. INVALID_ARGUMENT
// says why there is none such: models come from their own files, as they are.
struct ChangeParameter {
    std::string_view name;
    std::optional<bool> truth;
};
Status take_parameter(const ChangeParameter& parameter, Change change, ChangeTerms& terms);

}  // namespace hf::serve
