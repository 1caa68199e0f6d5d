#include "cli/guard_file.h"

#include "crypto/hash.h"

namespace hf::cli {
namespace {

constexpr std::string_view kEnding = ".guard.json";

}  // namespace

Result<std::optional<GuardFile>> guard_beside(World& world, const std::string& model_path) {
    const std::string path = model_path + std::string(kEnding);
    if (!world.files.exists(path)) return std::optional<GuardFile>();
    const Bytes bytes = HF_TRY(world.files.read(path, serve::guard::kMaxFileBytes));
    GuardFile file;
    file.path = path;
    file.digest = crypto::sha256(bytes).to_string();
    file.guard = HF_TRY(serve::guard::parse(as_text(bytes)).context("{}", path));
    return std::optional<GuardFile>(std::move(file));
}

Result<std::shared_ptr<const serve::guard::Guard>> bind_guard(const GuardFile& file,
                                                              const runtime::Signature& signature,
                                                              std::size_t own_outputs,
                                                              const std::string& model_digest) {
    const std::string& fitted_on = file.guard.model;
    if (!fitted_on.empty() && fitted_on != model_digest) {
        return failed_precondition(
            "{}: /model: it was fitted on {}, and the model is {}; fit it anew (holdfast guard "
            "fit)",
            file.path, fitted_on, model_digest);
    }
    serve::guard::Guard bound =
        HF_TRY(serve::guard::bind(file.guard, signature, own_outputs).context("{}", file.path));
    return std::make_shared<const serve::guard::Guard>(std::move(bound));
}

}  // namespace hf::cli
