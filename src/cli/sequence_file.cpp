#include "cli/sequence_file.h"

#include "crypto/hash.h"

namespace hf::cli {
Result<std::optional<std::string>> read_sequence(const ReadBeside& read) {
    const auto bytes = HF_TRY(read(kSequenceEnding, serve::sequence::kMaxDeclarationBytes));
    if (!bytes) return std::optional<std::string>();
    return std::optional<std::string>(as_text(*bytes));
}

std::string sequence_digest(const std::string& declaration) {
    return crypto::sha256(as_bytes(declaration)).to_string();
}

Result<std::shared_ptr<const serve::sequence::StatefulModel>> make_stateful(
    const std::string& declaration, const std::string& model_path,
    std::shared_ptr<const runtime::CompiledModel> model) {
    return serve::sequence::StatefulModel::make(declaration, std::move(model))
        .context("{}{}", model_path, kSequenceEnding);
}

}  // namespace hf::cli
