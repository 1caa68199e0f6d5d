// ModelSource: where a node gets models that its vault lacks: its server's registry.
//
// Called by the agent's worker thread only.

#pragma once

#include <string>

#include "base/digest.h"
#include "base/status.h"

namespace hf::node {

class ModelSource {
public:
    virtual ~ModelSource() = default;

    // What a reference such as "pump:v1" stands for there.
    virtual Result<Digest> resolve(const std::string& reference) = 0;

    // Brings the model's manifest and blobs into the vault, verified by digest, where `reference`
    // names it from then on. What an earlier try has brought is not brought again.
    virtual Status fetch(const std::string& reference, const Digest& manifest) = 0;
};

}  // namespace hf::node
