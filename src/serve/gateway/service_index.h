// What there is at a gateway, as the index of a model repository says it: services by name. READY
// is one that has a replica which is ready and can be reached.

#pragma once

#include <vector>

#include "serve/gateway/gateway.h"
#include "serve/model_repository.h"

namespace hf::serve::gateway {

std::vector<IndexRow> service_index(const Gateway& gateway);

}  // namespace hf::serve::gateway
