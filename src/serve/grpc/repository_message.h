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

// RepositoryModelLoadRequest or RepositoryModelUnloadRequest, of which there are two under one
// name:
//
//     Triton's    1: repository_name  2: model_name  3: parameters   the answer is empty
//     KServe's    1: model_name                                      1: model_name  2: isLoaded
//
// One repository is here, which has no name, so that a message with the first field alone can only
// be KServe's.
struct ChangeRequest {
    std::string model;
    bool kserve = false;
    ChangeTerms terms = {};
};
Result<ChangeRequest> read_change_request(ByteView message, Change change);

// What says that it was done, in the form of the request.
Bytes write_change_answer(const ChangeRequest& request);

Bytes write_repository_index(const std::vector<IndexRow>& rows);

}  // namespace hf::serve::grpc
