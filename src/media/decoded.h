// What a decoder of this module makes of a file: the image as it is stored, and how it is to be
// turned (EXIF's orientation, 1 to 8).

#pragma once

#include "media/image.h"

namespace hf::media {

struct Decoded {
    Image image;
    int orientation = 1;
};

}  // namespace hf::media
