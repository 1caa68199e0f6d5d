#include "trust/checkpoint.h"

#include "base/text.h"

namespace hf::trust {

std::string write_checkpoint(const Checkpoint& checkpoint) {
    return fmt::format("{}\n{}\n{}\n", checkpoint.origin, checkpoint.head.size,
                       to_base64(checkpoint.head.root.bytes()));
}

Result<Checkpoint> parse_checkpoint(std::string_view text) {
    const std::vector<std::string_view> lines = split(text, '\n');
    if (lines.size() != 4 || !lines[3].empty()) {
        return invalid_argument("a checkpoint has three lines: origin, size, root");
    }
    Checkpoint checkpoint;
    checkpoint.origin = lines[0];
    if (checkpoint.origin.empty()) return invalid_argument("the checkpoint's origin is empty");
    const std::int64_t size = HF_TRY(parse_int(lines[1]).context("the checkpoint's size"));
    if (size < 0) return invalid_argument("the checkpoint's size is negative");
    checkpoint.head.size = static_cast<std::uint64_t>(size);
    const Bytes root = HF_TRY(from_base64(lines[2]).context("the checkpoint's root"));
    if (root.size() != Digest::kSize) {
        return invalid_argument("the checkpoint's root has {} bytes, not {}", root.size(),
                                Digest::kSize);
    }
    std::array<std::uint8_t, Digest::kSize> bytes{};
    std::copy(root.begin(), root.end(), bytes.begin());
    checkpoint.head.root = Digest(bytes);
    if (write_checkpoint(checkpoint) != text) {
        return invalid_argument("the checkpoint's size '{}' is not written plainly", lines[1]);
    }
    return checkpoint;
}

}  // namespace hf::trust
