// The orientation that a camera wrote into a picture: tag 0x0112 of EXIF's TIFF structure (CIPA
// DC-008). Pure.

#pragma once

#include "base/bytes.h"

namespace hf::media {

// Of a TIFF structure, as it stands behind "Exif\0\0" in a JPEG and in eXIf of a PNG. 1, upright,
// where it says nothing, or nothing that can be read.
int exif_orientation(ByteView tiff);

}  // namespace hf::media
