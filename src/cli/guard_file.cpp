#include "cli/guard_file.h"

#include "crypto/hash.h"

namespace hf::cli {
Result<std::optional<GuardFile>> read_guard(const std::string& model, const ReadBeside& read) {
    const std::string path = model + std::string(kGuardEnding);
    const auto bytes = HF_TRY(read(kGuardEnding, serve::guard::kMaxFileBytes));
    if (!bytes) return std::optional<GuardFile>();
    GuardFile file;
    file.path = path;
    file.digest = crypto::sha256(*bytes).to_string();
    file.guard = HF_TRY(serve::guard::parse(as_text(*bytes)).context("{}", path));
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
