// Conditions: where a value of an ensemble is computed, as what must hold for it, and where the
// first of several values is then to be found. What lets a plan know, before any request comes,
// that an output is always there.
//
// Pure. Values.

#pragma once

#include <compare>
#include <optional>
#include <set>
#include <span>

#include "serve/cascade/confidence.h"

namespace hf::serve::ensemble {

// One thing that must hold: of a value by its number in the plan.
struct Test {
    std::size_t value = 0;
    cascade::Measure measure = cascade::Measure::kMaxSoftmax;
    double threshold = 0;
    bool by_row = false;
    bool below = true;

    // What holds exactly where this does not.
    Test opposite() const;

    friend auto operator<=>(const Test&, const Test&) = default;
};

// All of them hold; none: always. Of one row, where tests are by row.
using Tests = std::set<Test>;

// Where at least one of these is, given that all of them are wherever the answer holds: the tests
// of one that has no others than each of the rest, when a test and its opposite are taken for no
// test. Nullopt where it is not so simple. REQUIRES: at least one.
std::optional<Tests> first_of(std::span<const Tests> alternatives);

}  // namespace hf::serve::ensemble
