// How many connections the control plane's door takes, of the files that its process may have open.
// Internal to the door's host; pure.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "control/server/api_server.h"

namespace hf::cli {

// A watch and a line to speak on for each machine that may watch, and a thousand for people.
inline constexpr std::size_t kMaxApiConnections = 2 * control::kMaxWatches + 1024;

// Files that are not for connections to this door: the store, logs and blobs under way; with a
// gateway also its callers and the replicas that it calls. Where few files are allowed, half.
inline std::size_t api_connections(std::uint64_t files, bool with_gateway) {
    const std::uint64_t others = 128 + (with_gateway ? 4096 : 0);
    const std::uint64_t ours = files > 2 * others ? files - others : files / 2;
    return std::min<std::uint64_t>(kMaxApiConnections, ours);
}

}  // namespace hf::cli
