// An ensemble on its way into an artifact: its files are gathered, its members are compiled and put
// together once, as the machine that serves it will, and golden samples of each are made.
//
// Thread-safety: one thread. Errors name the file, and the place in it.

#pragma once

#include <cstdint>
#include <string>

#include "cli/model_scan.h"
#include "vault/golden.h"
#include "vault/model_pack.h"

namespace hf::cli {

// The declaration at `path`, what it names in its own folder, models and ensembles with theirs, and
// what lies beside each: once each. INVALID_ARGUMENT when something is missing, or there twice.
Result<ModelFiles> open_ensemble_files(World& world, const std::string& path);

// The same files as those of an artifact are opened. REQUIRES: `files` outlives it.
vault::OpenModel as_opened(const ModelFiles& files);

// OK when what the files hold is one ensemble, `entry` is its declaration, and it can be answered
// here.
Status check_ensemble(World& world, const vault::OpenModel& files, const std::string& entry);

struct GoldenChoice {
    std::size_t samples = 1;  // of each member
    std::uint64_t seed = 0;
};

// Of each member as make_golden(). REQUIRES: check_ensemble() is OK. INVALID_ARGUMENT when they
// would be more than vault::kMaxGoldenSamples.
Result<vault::Golden> make_ensemble_golden(const vault::OpenModel& files, const std::string& entry,
                                           const GoldenChoice& choice);

}  // namespace hf::cli
