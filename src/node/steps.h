// The steps of lifecycle.h, done for real: against the vault and the devices of this machine, and
// by the policies that came with the orders. What one step finds out is kept for the next, a
// service at a time.
//
// Owned by one thread (the agent's worker).

#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "env/clock.h"
#include "node/lifecycle.h"
#include "node/model_host.h"
#include "node/model_source.h"
#include "node/time_floor.h"
#include "node/update_gate.h"
#include "runtime/compile.h"
#include "trust/oms.h"
#include "vault/model_pack.h"

namespace hf::node {

inline constexpr std::uint64_t kMaxBundleFileBytes = trust::kMaxBundleBytes;

// What the declaration of an ensemble is named.
inline constexpr std::string_view kEnsembleEnding = ".ensemble.json";

// A model that an artifact's ensemble is made of.
struct Member {
    std::string name;  // by which its declaration names it
    std::string path;  // of its file
};

// The models of the ensemble that is declared in the file `entry`, each once and one of the files;
// INVALID_ARGUMENT says what does not fit together.
using MembersOf = Result<std::vector<Member>> (*)(const vault::OpenModel& files,
                                                  const std::string& entry);

class Steps final {
public:
    struct World {
        vault::Vault& vault;
        ModelHost& host;
        env::Clock& clock;
        ModelSource* source = nullptr;          // null: what the vault lacks is not to be had
        std::string jurisdiction;               // whose law holds here; empty: unknown
        const TimeFloor* time_floor = nullptr;  // signers are judged by it; null: by the clock
        UpdateGate* updates = nullptr;          // null: a policy that names a repository is not met
        MembersOf members_of = nullptr;         // null: the host serves no ensembles
    };

    explicit Steps(World world) : world_(world) {}

    // REQUIRES: action.kind is kRun.
    Done perform(const Action& action);

    void retire(const std::string& service);

    // Has the host deal with the service's unsure answers as the wish says, as far as this machine
    // finds that the data may go there.
    void cascade(const Wish& wish);

    // What became known of a service's candidate so far; nullptr before kPull.
    struct Candidate {
        std::string digest;
        vault::PackedModel packed;
        vault::OpenModel files;
        std::string signer;
        std::string device;                // that it was compiled for; of several, "cpu+ref"
        std::vector<CompiledFile> models;  // until it is active
        std::string url;                   // from then on
    };
    const Candidate* candidate(const std::string& service) const;

private:
    Result<std::string> resolve(const Wish& wish) const;
    Result<std::string> meant_by(const Wish& wish) const;
    Status pull(const Action& action);
    Status verify(const Wish& wish, Candidate& candidate) const;
    Result<std::vector<Member>> models_of(const Candidate& candidate) const;
    Status compile(const Wish& wish, Candidate& candidate) const;
    Status reproduce(const Candidate& candidate) const;
    Status activate(const Wish& wish, Candidate& candidate) const;

    World world_;
    std::map<std::string, Candidate> candidates_;  // by service
};

// OK when each of the models answers the samples that are stored of it within their tolerances, and
// there are some. FAILED_PRECONDITION names the sample and output that differs.
Status check_golden(std::span<const CompiledFile> models, ByteView golden);

}  // namespace hf::node
