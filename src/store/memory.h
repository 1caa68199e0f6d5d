// A store in memory, for tests and simulation: nothing survives it.

#pragma once

#include <memory>

#include "env/clock.h"
#include "store/store.h"

namespace hf::store {

// REQUIRES: clock outlives the store.
std::unique_ptr<Store> make_memory_store(env::Clock& clock);

}  // namespace hf::store
