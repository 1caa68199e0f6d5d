// Removals: whether objects were removed, or marked for it, since somebody asked last, whichever
// server did it: then there may be garbage to collect.
//
// Owned by one thread. REQUIRES: the store outlives it.

#pragma once

#include <memory>

#include "store/store.h"

namespace hf::control {

class Removals final {
public:
    explicit Removals(store::Store& store) : store_(store) {}

    // True the first time, and whenever what happened between is not known.
    Result<bool> any();

private:
    store::Store& store_;
    std::unique_ptr<store::Watch> watch_;  // null: look from now on
};

}  // namespace hf::control
