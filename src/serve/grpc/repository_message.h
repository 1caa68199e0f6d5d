// What the model repository extension asks over gRPC, from Protocol Buffers. Pure. What does not
// read, or may not be asked, is INVALID_ARGUMENT.

#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "serve/model_repository.h"
#include "serve/repository_parameters.h"

namespace hf::serve::grpc {

// RepositoryIndexRequest: whether only what is ready is wanted.
Result<bool> read_index_request(ByteView message);

// RepositoryModelLoadRequest or RepositoryModelUnloadRequest: the model's name.
Result<std::string> read_change_request(ByteView message, Change change);

Bytes write_repository_index(const std::vector<IndexRow>& rows);

}  // namespace hf::serve::grpc
