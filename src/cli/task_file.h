// The declaration of a model's task (serve/tasks/task.h) as it lies beside the model's file:
// MODEL.task.json, and MODEL.tokenizer.json where it takes texts.

#pragma once

#include <optional>
#include <string>

#include "cli/read_beside.h"
#include "serve/tasks/task.h"

namespace hf::cli {

inline constexpr std::string_view kTaskEnding = ".task.json";
inline constexpr std::string_view kTokenizerEnding = ".tokenizer.json";

// Nullopt where there is none.
Result<std::optional<serve::tasks::Declaration>> read_declaration(const ReadBeside& read);

// What names its files: the SHA-256 of task.json, or where there is a tokenizer of the two digests,
// each as "sha256:..." in a line.
std::string digest_of(const serve::tasks::Declaration& declaration);

// The task that it declares; an error names the file.
Result<std::shared_ptr<const serve::tasks::Task>> make_task(
    const serve::tasks::Declaration& declaration, const std::string& model_path,
    const runtime::Signature& signature);

}  // namespace hf::cli
