#include "cli/sequence_file.h"

#include "crypto/hash.h"

namespace hf::cli {
namespace {

constexpr std::string_view kEnding = ".sequence.json";

}  // namespace

Result<std::optional<std::string>> sequence_beside(World& world, const std::string& model_path) {
    const std::string path = model_path + std::string(kEnding);
    if (!world.files.exists(path)) return std::optional<std::string>();
    const Bytes bytes = HF_TRY(world.files.read(path, serve::sequence::kMaxDeclarationBytes));
    return std::optional<std::string>(as_text(bytes));
}

std::string sequence_digest(const std::string& declaration) {
    return crypto::sha256(as_bytes(declaration)).to_string();
}

Result<std::shared_ptr<const serve::sequence::StatefulModel>> make_stateful(
    const std::string& declaration, const std::string& model_path,
    std::shared_ptr<const runtime::CompiledModel> model) {
    return serve::sequence::StatefulModel::make(declaration, std::move(model))
        .context("{}{}", model_path, kEnding);
}

}  // namespace hf::cli
