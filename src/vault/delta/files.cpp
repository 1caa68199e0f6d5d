#include "vault/delta/files.h"

namespace hf::vault::delta {

Result<Header> apply_file(env::Files& files, const ApplyPaths& paths, const ApplyOptions& options) {
    for (const std::string& kept : {paths.base, paths.delta}) {
        if (paths.result == kept) {
            return invalid_argument("{}: a delta is not applied in place; name another file", kept);
        }
    }
    const std::unique_ptr<env::ReadFile> base = HF_TRY(files.open_read(paths.base));
    const std::unique_ptr<env::ReadFile> delta = HF_TRY(files.open_read(paths.delta));
    const std::unique_ptr<env::FileWriter> out =
        HF_TRY(files.create(paths.result, env::Access::kShared));
    const Header header = HF_TRY(
        apply(*base, *delta, *out, options).context("apply {} to {}", paths.delta, paths.base));
    HF_TRY(out->commit());
    return header;
}

}  // namespace hf::vault::delta
