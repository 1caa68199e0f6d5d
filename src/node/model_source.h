// ModelSource: where a node gets models that its vault lacks: its server's registry.
//
// Called by the agent's worker thread only.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/status.h"
#include "node/data_budget.h"

namespace hf::node {

class ModelSource {
public:
    virtual ~ModelSource() = default;

    // What a reference such as "pump:v1" stands for there.
    virtual Result<Digest> resolve(const std::string& reference) = 0;

    // Brings the model's manifest and blobs into the vault, verified by digest, where `reference`
    // names it from then on. What an earlier try has brought is not brought again. With a limit
    // no more is fetched than that leaves (data_budget.h). Versions that were fetched before and
    // are not in use any more may be taken out of the vault.
    struct Wanted {
        std::string reference;
        Digest manifest;
        std::optional<DataLimit> limit;
        std::vector<std::string> in_use = {};  // digests of versions that must stay in the vault
    };
    virtual Status fetch(const Wanted& wanted) = 0;
};

}  // namespace hf::node
