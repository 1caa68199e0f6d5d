// What a decoder of this module makes of a file: the image as it is stored, and how it is to be
// turned (EXIF's orientation, 1 to 8).

#pragma once

#include "media/image.h"

namespace hf::media {

struct Decoded {
    Image image;
    int orientation = 1;
};

// The pixels behind a header that `reader` has read. A Reader has extent(), orientation(),
// read_pixels(rgb), which is false after an error, and error().
template <typename Reader>
Result<Decoded> decode_pixels(Reader& reader) {
    const Extent extent = reader.extent();
    HF_TRY(check_extent(extent.width, extent.height));
    Decoded decoded;
    decoded.image.extent = extent;
    decoded.image.rgb.resize(extent.width * extent.height * kChannels);
    decoded.orientation = reader.orientation();
    if (!reader.read_pixels(decoded.image.rgb.data())) return reader.error();
    return decoded;
}

}  // namespace hf::media
