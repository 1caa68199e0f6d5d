// Deltas as files: applying is all or nothing.
//
// Thread-safety: as that of the Files. Errors: as decode.h, with the paths.

#pragma once

#include <string>

#include "env/files.h"
#include "vault/delta/decode.h"

namespace hf::vault::delta {

struct ApplyPaths {
    std::string base;
    std::string delta;
    std::string result;
};

// Writes the result under a temporary name, syncs it and renames it once its digest is right;
// after an error nothing of it is left. INVALID_ARGUMENT when the result would replace the base or
// the delta: what can be made again only from both keeps both.
Result<Header> apply_file(env::Files& files, const ApplyPaths& paths,
                          const ApplyOptions& options = {});

}  // namespace hf::vault::delta
