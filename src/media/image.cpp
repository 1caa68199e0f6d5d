#include "media/image.h"

#include <cstring>

#include "media/jpeg.h"
#include "media/png.h"

namespace hf::media {
namespace {

// Where the pixel (x, y) of an upright image lies in the stored one.
struct Place {
    std::size_t x = 0;
    std::size_t y = 0;
};
Place place_of(int orientation, Place upright, Extent stored) {
    const std::size_t right = stored.width - 1;
    const std::size_t bottom = stored.height - 1;
    const auto [x, y] = upright;
    switch (orientation) {
        case 2: return {right - x, y};
        case 3: return {right - x, bottom - y};
        case 4: return {x, bottom - y};
        case 5: return {y, x};
        case 6: return {y, bottom - x};
        case 7: return {right - y, bottom - x};
        case 8: return {right - y, x};
        default: return upright;
    }
}

Image turn(Image image, int orientation) {
    if (orientation == 1) return image;
    const Extent stored = image.extent;
    const bool on_its_side = orientation >= 5;
    Image upright;
    upright.extent = on_its_side ? Extent{stored.height, stored.width} : stored;
    upright.rgb.resize(image.rgb.size());
    std::uint8_t* out = upright.rgb.data();
    for (std::size_t y = 0; y < upright.extent.height; ++y) {
        for (std::size_t x = 0; x < upright.extent.width; ++x, out += kChannels) {
            const Place at = place_of(orientation, {x, y}, stored);
            std::memcpy(out, &image.rgb[(at.y * stored.width + at.x) * kChannels], kChannels);
        }
    }
    return upright;
}

}  // namespace

Status check_extent(std::uint64_t width, std::uint64_t height) {
    if (width == 0 || height == 0) return invalid_argument("the image is empty");
    if (width > kMaxImageSide || height > kMaxImageSide) {
        return resource_exhausted("the image has {}x{} pixels, and no side may have above {}",
                                  width, height, kMaxImageSide);
    }
    if (width * height > kMaxImagePixels) {
        return resource_exhausted("the image has {}x{} pixels, above {}; send a smaller one", width,
                                  height, kMaxImagePixels);
    }
    return {};
}

Result<Image> decode_image(ByteView bytes) {
    if (!is_jpeg(bytes) && !is_png(bytes)) {
        return invalid_argument("this is neither a JPEG nor a PNG file, by its first bytes");
    }
    Decoded decoded = HF_TRY(is_jpeg(bytes) ? decode_jpeg(bytes) : decode_png(bytes));
    return turn(std::move(decoded.image), decoded.orientation);
}

}  // namespace hf::media
