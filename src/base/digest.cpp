#include "base/digest.h"

#include <algorithm>

namespace hf {

Result<Digest> Digest::parse(std::string_view text) {
    constexpr std::string_view kPrefix = "sha256:";
    const bool lower_case =
        std::none_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
    if (!text.starts_with(kPrefix) || text.size() != kPrefix.size() + 2 * kSize || !lower_case) {
        return invalid_argument("'{}' is not a digest: want sha256: and 64 lower-case hex digits",
                                text.substr(0, 100));
    }
    const Bytes bytes = HF_TRY(from_hex(text.substr(kPrefix.size())).context("digest"));
    std::array<std::uint8_t, kSize> array;
    std::copy(bytes.begin(), bytes.end(), array.begin());
    return Digest(array);
}

}  // namespace hf
