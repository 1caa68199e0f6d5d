#include "trust/model_digest.h"

#include "crypto/hash.h"

namespace hf::trust {

Digest model_digest(const Digest& file, const std::map<std::string, Digest>& data) {
    if (data.empty()) return file;
    std::string lines;
    const auto add = [&lines](std::string_view name, const Digest& digest) {
        lines.append("SHA256 (").append(name).append(") = ").append(digest.hex()).append("\n");
    };
    add("-", file);
    for (const auto& [name, digest] : data) add(name, digest);
    return crypto::sha256(as_bytes(lines));
}

}  // namespace hf::trust
