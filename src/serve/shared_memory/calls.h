// The calls of the shared memory extensions, in whatever protocol they come: what REST (routes.h)
// and gRPC (grpc/) have in common. Where the server has no regions, those of the system's are
// UNIMPLEMENTED, with the remedy. CUDA's are never there: their status is empty, to unregister them
// is fine (clients do that before they begin), and to register one is UNIMPLEMENTED.
//
// Thread-safety: from any thread.

#pragma once

#include <string_view>
#include <vector>

#include "serve/inference.h"
#include "serve/shared_memory/regions.h"

namespace hf::serve {

Result<std::vector<Regions::Row>> region_status(const Services& services, std::string_view name);
Status register_region(const Services& services, Regions::Row row);

// Of that name, or all where it is empty.
Status unregister_region(const Services& services, std::string_view name);

// CUDA's.
Status cuda_region_status(std::string_view name);
Status register_cuda_region(std::string_view name);

}  // namespace hf::serve
