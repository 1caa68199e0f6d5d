// The file beside a model's that declares its state, MODEL.sequence.json (docs/reference/
// sequences.md).

#pragma once

#include <memory>
#include <optional>
#include <string>

#include "cli/read_beside.h"
#include "serve/sequence/state.h"

namespace hf::cli {

inline constexpr std::string_view kSequenceEnding = ".sequence.json";

// Nullopt where there is none.
Result<std::optional<std::string>> read_sequence(const ReadBeside& read);

std::string sequence_digest(const std::string& declaration);

// The model as clients see it. An error names the file.
Result<std::shared_ptr<const serve::sequence::StatefulModel>> make_stateful(
    const std::string& declaration, const std::string& model_path,
    std::shared_ptr<const runtime::CompiledModel> model);

}  // namespace hf::cli
