// Images as people send them: the bytes of a JPEG (ITU-T T.81, JFIF) or PNG (ISO/IEC 15948) file
// become rows of RGB pixels of eight bits a channel. What a file is, its bytes say.
//
// Grey and palettes become RGB, sixteen bits eight, and what is transparent is shown as it is
// stored, without its alpha. Colour profiles and gamma are not applied. An EXIF orientation is: the
// picture is upright. Width, height and pixels are bounded before memory is taken.
//
// Pure. INVALID_ARGUMENT: no such file, or a damaged one; UNIMPLEMENTED: a kind that is not read
// here, with what to do; RESOURCE_EXHAUSTED: beyond a bound.

#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/status.h"

namespace hf::media {

inline constexpr std::uint64_t kMaxImageSide = 16384;
inline constexpr std::uint64_t kMaxImagePixels = std::uint64_t{32} << 20;
inline constexpr std::size_t kChannels = 3;

struct Extent {
    std::size_t width = 0;
    std::size_t height = 0;

    friend bool operator==(const Extent&, const Extent&) = default;
};

// Of `width * height` pixels, row by row, each with red, green, blue.
struct Image {
    Extent extent;
    Bytes rgb;
};

// OK for an image that is not empty and within both bounds.
Status check_extent(std::uint64_t width, std::uint64_t height);

Result<Image> decode_image(ByteView bytes);

}  // namespace hf::media
