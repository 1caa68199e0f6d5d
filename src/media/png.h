// PNG files by libpng, which shows in no other file. Errors as image.h says. Pure.

#pragma once

#include "media/decoded.h"

namespace hf::media {

bool is_png(ByteView bytes);

Result<Decoded> decode_png(ByteView bytes);

}  // namespace hf::media
