// The messages of the shared memory extensions, between Protocol Buffers and our values; those of
// Triton's grpc_service.proto. Pure. What does not read is INVALID_ARGUMENT. Requests for a status,
// and to unregister, have the region's name in field 1 (read_text_at()); what they answer
// otherwise is empty.

#pragma once

#include <vector>

#include "serve/shared_memory/regions.h"

namespace hf::serve::grpc {

// SystemSharedMemoryRegisterRequest.
Result<Regions::Row> read_region(ByteView message);

// SystemSharedMemoryStatusResponse.
Bytes write_regions_status(const std::vector<Regions::Row>& rows);

}  // namespace hf::serve::grpc
