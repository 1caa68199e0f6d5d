// Resizing and cropping of images. Pixels are squares: the centre of the first lies at one half.
//
// Sums are taken in floats, first down the columns and then along the rows, and rounded once.
// Pure. RESOURCE_EXHAUSTED for a result beyond the bounds of image.h.

#pragma once

#include "media/image.h"

namespace hf::media {

enum class Filter : unsigned char {
    kAntialias,  // a triangle as wide as what a pixel shrinks from: Pillow's BILINEAR,
                 // tf.image.resize(antialias=True), torchvision
    kBilinear,   // the nearest four pixels, however much it shrinks: OpenCV's INTER_LINEAR,
                 // tf.image.resize as it is
    kArea,       // the mean of what a pixel covers: OpenCV's INTER_AREA; kBilinear along a side
                 // that grows
};

// REQUIRES: neither is empty.
Result<Image> resize(const Image& image, Extent to, Filter filter);

// So that the shorter side has that many pixels; the longer is rounded down, as torchvision does.
Extent with_short_side(Extent extent, std::size_t pixels);

// The largest of the same form that fits into `into`, at least a pixel each way, rounded to
// nearest.
Extent fitted(Extent extent, Extent into);

// How many of `from` pixels of a side lie before the middle `to`. REQUIRES: from >= to.
std::size_t crop_start(std::size_t from, std::size_t to);

// The middle. Where it cannot be, half a pixel is rounded to even, as torchvision does.
// INVALID_ARGUMENT when the image is smaller.
Result<Image> crop_centre(const Image& image, Extent to);

}  // namespace hf::media
