// JPEG files by libjpeg-turbo, which shows in no other file. Errors as image.h says. Pure.

#pragma once

#include "media/decoded.h"

namespace hf::media {

// A progressive file may repeat itself in as many scans as it likes, each of which takes the time
// of a whole image. Encoders make about ten.
inline constexpr int kMaxJpegScans = 100;

// What the library may keep of a progressive file while it comes.
inline constexpr long kMaxJpegBytes = 256L << 20;

bool is_jpeg(ByteView bytes);

Result<Decoded> decode_jpeg(ByteView bytes);

}  // namespace hf::media
