// Plan: a declaration held against the models that it names: every type and shape agrees, every
// value is computed once and read, no step waits for itself, and each output is there whatever the
// conditions say. In it names have become numbers, and steps stand in an order in which data flow.
//
// Pure. Values. Errors are INVALID_ARGUMENT with the JSON pointer into the declaration,
// or RESOURCE_EXHAUSTED with the bound.

#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/model.h"
#include "serve/ensemble/conditions.h"
#include "serve/ensemble/declaration.h"

namespace hf::serve::ensemble {

inline constexpr std::size_t kDepthMax = 4;   // of ensembles in one another; of models alone: 1
inline constexpr std::size_t kRunsMax = 256;  // of models for one request, at most

// What is known of a model that steps may name.
struct Member {
    runtime::Signature signature;
    bool keeps_state = false;
    bool rows_apart = false;  // its rows are answered as each would be alone
    std::size_t depth = 0;    // of an ensemble: as Plan::depth
    std::size_t runs = 1;     // of models for one request, at most
};
using Members = std::map<std::string, Member, std::less<>>;

struct Plan {
    // Values by number, the ensemble's inputs first; the first that was computed.
    using Source = std::vector<std::size_t>;

    struct Step {
        std::size_t declared = 0;  // its place in the declaration
        std::string model;
        std::vector<Source> inputs;                       // in signature order
        std::vector<std::optional<std::size_t>> outputs;  // the same; nullopt: nobody reads it
        std::optional<Test> when;
        bool by_row = false;    // it may run for some of the rows
        std::size_t level = 0;  // steps of one level wait for none of one another
    };

    runtime::Signature signature;
    std::vector<Step> steps;
    std::vector<Source> outputs;       // in signature order
    std::vector<std::size_t> readers;  // of each value: how often steps and outputs read it
    std::size_t depth = 1;
    std::size_t runs = 0;
    std::size_t width = 1;  // steps that may run at the same time, at most
};

Result<Plan> make_plan(const Declaration& declaration, const Members& members);

}  // namespace hf::serve::ensemble
