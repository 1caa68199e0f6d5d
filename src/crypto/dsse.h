// Dead Simple Signing Envelope 1.0: the bytes that are signed (pre-authentication encoding).

#pragma once

#include <string_view>

#include "base/bytes.h"

namespace hf::crypto {

// "DSSEv1" SP length(type) SP type SP length(body) SP body.
Bytes dsse_pae(std::string_view type, ByteView body);

}  // namespace hf::crypto
