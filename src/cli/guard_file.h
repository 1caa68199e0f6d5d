// The guard of a model (serve/guard/guard.h) as it lies beside the model's file: MODEL.guard.json.

#pragma once

#include <memory>
#include <optional>
#include <string>

#include "cli/model_file.h"
#include "cli/read_beside.h"
#include "serve/guard/guard.h"

namespace hf::cli {

inline constexpr std::string_view kGuardEnding = ".guard.json";

struct GuardFile {
    std::string path;
    std::string digest;  // "sha256:..."
    serve::guard::Guard guard;
};

// Nullopt where there is none; an error names the file and the place in it.
Result<std::optional<GuardFile>> read_guard(const std::string& model, const ReadBeside& read);

// The guard bound to the model that it was found beside. `own_outputs`: how many outputs are the
// model's own. FAILED_PRECONDITION when it was fitted on another file than `model_digest` names.
Result<std::shared_ptr<const serve::guard::Guard>> bind_guard(const GuardFile& file,
                                                              const runtime::Signature& signature,
                                                              std::size_t own_outputs,
                                                              const std::string& model_digest);

}  // namespace hf::cli
