// Declaration: an ensemble as its file says it (JSON; docs/reference/ensembles.md): which models
// answer one after the other or at the same time, and whose outputs are whose inputs. What it says
// of the models themselves is held against them by plan.h.
//
// Pure. Values. Errors of parse(): INVALID_ARGUMENT with the JSON pointer of what is wrong, or
// RESOURCE_EXHAUSTED with the bound.

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "serve/cascade/confidence.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace hf::serve::ensemble {

inline constexpr std::size_t kMaxDeclarationBytes = 256u << 10;
inline constexpr std::size_t kStepsMax = 64;
inline constexpr std::size_t kPortsMax = 64;  // inputs, or outputs, of the ensemble or of a step
inline constexpr std::size_t kAlternativesMax = 8;
inline constexpr std::size_t kNameBytesMax = 256;

// What is read: the first of these values that was computed.
struct Source {
    std::vector<std::string> values;  // at least one
    std::string at;                   // where it stands: "/steps/0/inputs/x"
};

// That a step runs only where a value is unsure, or only where it is sure.
struct Condition {
    std::string value;
    cascade::Measure measure = cascade::Measure::kMaxSoftmax;
    double threshold = 0;
    bool below = true;                // where confidence is less than that; else where it is not
    std::optional<bool> by_row = {};  // nullopt: by row where that can be
};

struct Input {
    std::string name;
    std::optional<DType> dtype = {};  // nullopt: as the steps that read it want it
    std::optional<Shape> shape = {};
};

struct Step {
    std::string model;
    std::vector<std::pair<std::string, Source>> inputs;        // of the model, by name
    std::vector<std::pair<std::string, std::string>> outputs;  // of the model, to values
    std::optional<Condition> when = {};
};

struct Declaration {
    std::vector<Input> inputs;
    std::vector<Step> steps;
    std::vector<std::pair<std::string, Source>> outputs;

    static Result<Declaration> parse(std::string_view text);

    std::vector<std::string> models() const;  // that its steps name: each once, in their order
};

}  // namespace hf::serve::ensemble
