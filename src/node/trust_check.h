// Whether a model may run here: gathers what a TrustPolicy asks about (who signed the files, what
// the scanner says of them) and lets trust/policy.h decide. Fails closed.

#pragma once

#include <string>

#include "api/object.h"
#include "base/time.h"
#include "vault/model_pack.h"

namespace hf::node {

struct ModelEvidence {
    const vault::Vault& vault;
    const vault::PackedModel& packed;
    const vault::OpenModel& files;
    Instant now;
};

// The signer, as trust::VerifiedModel::signer says; empty when the policy demands no signature and
// there is no good one. UNAUTHENTICATED or PERMISSION_DENIED say what the policy misses, with a
// stable reason in brackets.
Result<std::string> check_trust(const api::Object& policy, const ModelEvidence& evidence);

}  // namespace hf::node
