// The inference request that nearly every client sends, read in one pass without a tree: plain JSON
// (base/json_cursor.h), each tensor's name, shape and datatype before its data or the size of its
// binary data, and nothing that is unknown here.
//
// Pure; from any thread.

#pragma once

#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "serve/infer_request.h"

namespace hf::serve {

// What parse_infer_request() makes of the same bytes; nullopt when it is not that simple, or wrong:
// then ask parse_infer_request(), which knows everything and says what is wrong. `binary` follows
// the JSON.
std::optional<InferRequest> read_plain_request(std::string_view json, ByteView binary,
                                               const runtime::Signature& signature);

}  // namespace hf::serve
