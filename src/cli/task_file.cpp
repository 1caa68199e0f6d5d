#include "cli/task_file.h"

#include "crypto/hash.h"

namespace hf::cli {
namespace {

constexpr std::string_view kTaskEnding = ".task.json";
constexpr std::string_view kTokenizerEnding = ".tokenizer.json";

Result<std::string> read_file(World& world, const std::string& path, std::size_t bytes_max) {
    const Bytes bytes = HF_TRY(world.files.read(path, bytes_max));
    return std::string(as_text(bytes));
}

}  // namespace

Result<std::optional<serve::tasks::Declaration>> declaration_beside(World& world,
                                                                    const std::string& model_path) {
    const std::string path = model_path + std::string(kTaskEnding);
    if (!world.files.exists(path)) return std::optional<serve::tasks::Declaration>();
    serve::tasks::Declaration declaration;
    declaration.task = HF_TRY(read_file(world, path, serve::tasks::kMaxDeclarationBytes));
    const std::string tokenizer = model_path + std::string(kTokenizerEnding);
    if (world.files.exists(tokenizer)) {
        declaration.tokenizer =
            HF_TRY(read_file(world, tokenizer, serve::tasks::kMaxTokenizerFileBytes));
    }
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
