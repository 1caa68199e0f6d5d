#include "cli/task_file.h"

#include "crypto/hash.h"

namespace hf::cli {
Result<std::optional<serve::tasks::Declaration>> read_declaration(const ReadBeside& read) {
    const auto task = HF_TRY(read(kTaskEnding, serve::tasks::kMaxDeclarationBytes));
    if (!task) return std::optional<serve::tasks::Declaration>();
    serve::tasks::Declaration declaration;
    declaration.task = as_text(*task);
    const auto tokenizer = HF_TRY(read(kTokenizerEnding, serve::tasks::kMaxTokenizerFileBytes));
    if (tokenizer) declaration.tokenizer = as_text(*tokenizer);
    return std::optional<serve::tasks::Declaration>(std::move(declaration));
}

std::string digest_of(const serve::tasks::Declaration& declaration) {
    const std::string task = crypto::sha256(as_bytes(declaration.task)).to_string();
    if (declaration.tokenizer.empty()) return task;
    const std::string both =
        task + "\n" + crypto::sha256(as_bytes(declaration.tokenizer)).to_string() + "\n";
    return crypto::sha256(as_bytes(both)).to_string();
}

Result<std::shared_ptr<const serve::tasks::Task>> make_task(
    const serve::tasks::Declaration& declaration, const std::string& model_path,
    const runtime::Signature& signature) {
    return serve::tasks::Task::make(declaration, signature)
        .context("{}{}", model_path, kTaskEnding);
}

}  // namespace hf::cli
