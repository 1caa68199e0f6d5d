#include "trust/tuf/hashes.h"

namespace hf::trust::tuf {

HashCheck::HashCheck(Hashes expected) : expected_(std::move(expected)) {
    if (expected_.contains("sha256")) sha256_.emplace();
    if (expected_.contains("sha512")) sha512_.emplace();
}

void HashCheck::update(ByteView bytes) {
    if (sha256_) sha256_->update(bytes);
    if (sha512_) sha512_->update(bytes);
}

Status HashCheck::finish() {
    if (!sha256_ && !sha512_) {
        return invalid_argument("there is no hash of an algorithm that is known here");
    }
    if (sha256_ && sha256_->finish().hex() != expected_.find("sha256")->second) {
        return invalid_argument("the SHA-256 is another");
    }
    if (sha512_ && to_hex(sha512_->finish()) != expected_.find("sha512")->second) {
        return invalid_argument("the SHA-512 is another");
    }
    return {};
}

Status check_hashes(const Hashes& expected, std::string_view bytes) {
    HashCheck check(expected);
    check.update(as_bytes(bytes));
    return check.finish();
}

std::string_view hash_to_name_by(const Hashes& hashes) {
    for (const std::string_view algorithm : {"sha256", "sha512"}) {
        const auto found = hashes.find(algorithm);
        if (found != hashes.end()) return found->second;
    }
    return {};
}

}  // namespace hf::trust::tuf
