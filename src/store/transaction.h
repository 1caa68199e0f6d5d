// What every store demands of a transaction before it looks at its own state.

#pragma once

#include "store/store.h"

namespace hf::store {

inline constexpr std::size_t kMaxTransactionParts = 128;

// What a RESOURCE_EXHAUSTED says first when the store has no room left, as against one that says
// that a write is too large: the same write is taken once there is room.
inline constexpr std::string_view kNoRoom = "store-full: ";

// INVALID_ARGUMENT for an empty or oversized key or one that is written twice; RESOURCE_EXHAUSTED
// for too large a value or too many parts.
Status check_transaction(const Transaction& transaction);

// OUT_OF_RANGE unless compacted <= at <= now.
Status check_revision(Revision at, Revision now, Revision compacted);

// The smallest key that is greater than every key with this prefix; empty when there is none.
std::string end_of_prefix(std::string_view prefix);

}  // namespace hf::store
