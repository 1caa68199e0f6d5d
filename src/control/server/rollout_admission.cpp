#include "control/server/rollout_admission.h"

#include <algorithm>

#include "control/rollout/state.h"
#include "control/server/reasons.h"

namespace hf::control {
namespace {

using rollout::RolloutSpec;
using rollout::Word;

// Words in `now` that are not in `before`.
std::vector<Word> new_words(const std::vector<Word>& before, const std::vector<Word>& now) {
    std::vector<Word> added;
    for (const Word& word : now) {
        if (std::find(before.begin(), before.end(), word) == before.end()) added.push_back(word);
    }
    return added;
}

Status check_words(const std::vector<Word>& words, std::string_view author,
                   const api::Identity& who) {
    for (const Word& word : words) {
        if (word.by != who.user) {
            return reasons::refuse(
                Code::kPermissionDenied, reasons::kNotYourWord,
                "the word on stage '{}' is in the name of '{}', and you are '{}'", word.stage,
                word.by, who.user);
        }
        if (who.user == author) {
            return reasons::refuse(Code::kPermissionDenied, reasons::kOwnRollout,
                                   "'{}' made this roll-out, and somebody else must say that stage "
                                   "'{}' may go on",
                                   author, word.stage);
        }
    }
    return {};
}

}  // namespace

Status admit_rollout(const api::Object* before, api::Object& now, const api::Identity& who) {
    if (now.kind() != "Rollout") return {};
    const std::string author(before ? before->annotation(kAuthorAnnotation) : who.user);
    now.set_annotation(kAuthorAnnotation, author);
    if (before && before->spec() == now.spec()) return {};
    const RolloutSpec spec = HF_TRY(rollout::spec_from(now.spec()).context("spec"));
    HF_TRY(rollout::check(spec).context("spec"));
    RolloutSpec last;
    if (before) last = HF_TRY(rollout::spec_from(before->spec()));
    HF_TRY(check_words(new_words(last.approvals, spec.approvals), author, who));
    HF_TRY(check_words(new_words(last.promotions, spec.promotions), author, who));
    if (!before) return {};
    const Result<rollout::State> state = rollout::state_from(before->status());
    if (!state.ok() || !state->in_force) return {};
    RolloutSpec asked = spec;
    if (asked.digest.empty()) asked.digest = state->in_force->digest;
    if (asked.from.empty()) asked.from = state->in_force->from;
    // Without windows of its own it keeps to those that its service had when it began.
    if (asked.windows.empty()) {
        asked.windows = state->in_force->windows;
        asked.download_ahead = state->in_force->download_ahead;
    }
    return rollout::check_change(*state->in_force, asked).context("spec");
}

}  // namespace hf::control
