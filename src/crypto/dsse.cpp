#include "crypto/dsse.h"

namespace hf::crypto {

Bytes dsse_pae(std::string_view type, ByteView body) {
    Bytes out = to_bytes(fmt::format("DSSEv1 {} {} {} ", type.size(), type, body.size()));
    out.insert(out.end(), body.begin(), body.end());
    return out;
}

}  // namespace hf::crypto
