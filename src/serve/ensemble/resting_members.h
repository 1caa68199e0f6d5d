// RestingMembers: the memory of an ensemble whose members are nobody else's: it goes with theirs,
// of all together, and each comes back with the first step that needs it.
//
// Thread-safety: all methods from any thread.

#pragma once

#include <memory>
#include <vector>

#include "serve/model_host.h"
#include "serve/sleep/resting.h"

namespace hf::serve::ensemble {

class RestingMembers final : public sleep::Resting {
public:
    // REQUIRES: each is a model that may sleep, and only the ensemble has it.
    explicit RestingMembers(std::vector<std::shared_ptr<ModelHost>> members)
        : members_(std::move(members)) {}

    bool asleep() const override;  // when all of them are
    std::shared_ptr<const runtime::CompiledModel> let_go() override;
    Status wake() override;
    sleep::Wakes wakes() const override;   // of members
    std::string trouble() const override;  // of the first that has some

private:
    const std::vector<std::shared_ptr<ModelHost>> members_;
};

}  // namespace hf::serve::ensemble
