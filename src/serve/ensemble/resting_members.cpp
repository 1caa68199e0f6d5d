#include "serve/ensemble/resting_members.h"

#include <algorithm>

namespace hf::serve::ensemble {

bool RestingMembers::asleep() const {
    return std::all_of(members_.begin(), members_.end(),
                       [](const auto& member) { return member->asleep(); });
}

std::shared_ptr<const runtime::CompiledModel> RestingMembers::let_go() {
    // Whoever runs something all the same, as a comparison of versions does, keeps that awake.
    for (const auto& member : members_) member->fall_asleep(Duration::zero());
    return nullptr;
}

Status RestingMembers::wake() {
    for (const auto& member : members_) HF_TRY(member->wake());
    return {};
}

sleep::Wakes RestingMembers::wakes() const {
    sleep::Wakes all;
    for (const auto& member : members_) {
        const sleep::Wakes wakes = member->resting()->wakes();
        all.count += wakes.count;
        all.failed += wakes.failed;
        all.seconds += wakes.seconds;
    }
    return all;
}

std::string RestingMembers::trouble() const {
    for (const auto& member : members_) {
        std::string trouble = member->trouble();
        if (!trouble.empty()) return trouble;
    }
    return "";
}

}  // namespace hf::serve::ensemble
