#include "media/exif.h"

#include <optional>

namespace hf::media {
namespace {

constexpr std::uint32_t kOrientationTag = 0x0112;
constexpr std::uint32_t kShortType = 3;
constexpr std::size_t kEntryBytes = 12;

// Numbers of a structure that may be of either byte order, and end anywhere.
class Tiff final {
public:
    Tiff(ByteView bytes, bool big_endian) : bytes_(bytes), big_endian_(big_endian) {}

    std::optional<std::uint32_t> number(std::size_t offset, std::size_t size) const {
        if (offset > bytes_.size() || bytes_.size() - offset < size) return std::nullopt;
        std::uint32_t value = 0;
        for (std::size_t i = 0; i < size; ++i) {
            const std::size_t at = big_endian_ ? i : size - 1 - i;
            value = value << 8 | bytes_[offset + at];
        }
        return value;
    }

private:
    const ByteView bytes_;
    const bool big_endian_;
};

}  // namespace

int exif_orientation(ByteView tiff) {
    const std::string_view order = as_text(tiff.first(std::min<std::size_t>(2, tiff.size())));
    if (order != "MM" && order != "II") return 1;
    const Tiff numbers(tiff, order == "MM");
    const std::size_t folder = numbers.number(4, 4).value_or(0);
    const std::size_t entries = numbers.number(folder, 2).value_or(0);
    for (std::size_t i = 0; i < entries; ++i) {
        const std::size_t entry = folder + 2 + i * kEntryBytes;
        const auto tag = numbers.number(entry, 2);
        if (!tag) return 1;
        if (*tag != kOrientationTag || numbers.number(entry + 2, 2) != kShortType) continue;
        const std::uint32_t value = numbers.number(entry + 8, 2).value_or(1);
        return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
    }
    return 1;
}

}  // namespace hf::media
