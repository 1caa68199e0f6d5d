// Makes a delta: for each stretch of the result the smallest of its forms (format.h), measured by
// compressing a sample of each.
//
// Pure: the same input gives the same bytes. Holds both files (map them) and the delta in memory;
// the memory that is promised to be small is that of applying (decode.h). Its size is at most that
// of the result plus kHeaderBytes, and 30 bytes for each kMaxChunkBytes begun: below 0.01 % of any
// result of some megabytes.

#pragma once

#include "base/bytes.h"
#include "vault/delta/align.h"

namespace hf::vault::delta {

struct EncodeOptions {
    int level = 12;  // of zstd, kMinLevel to kMaxLevel
};

Bytes encode(const Side& base, const Side& result, const EncodeOptions& options = {});

}  // namespace hf::vault::delta
