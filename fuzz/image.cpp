// JPEG and PNG files. What a header promises is bounded here too, below what the module takes: a
// fuzzer has better things to do than to fill large pictures.

#include "media/resize.h"

namespace {

constexpr std::uint64_t kMaxPixels = 1u << 16;

// Where a PNG says how large it is.
bool is_large(hf::ByteView bytes) {
    if (bytes.size() < 24 || bytes[0] == 0xFF) return false;
    std::uint64_t width = 0;
    std::uint64_t height = 0;
    for (std::size_t i = 0; i < 4; ++i) {
        width = width << 8 | bytes[16 + i];
        height = height << 8 | bytes[20 + i];
    }
    return width * height > kMaxPixels;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (is_large({data, size})) return 0;
    const auto image = hf::media::decode_image({data, size});
    if (!image.ok() || image->rgb.size() > 3 * kMaxPixels) return 0;
    (void)hf::media::resize(*image, {5, 3}, hf::media::Filter::kAntialias);
    (void)hf::media::resize(*image, {2, 7}, hf::media::Filter::kArea);
    return 0;
}
