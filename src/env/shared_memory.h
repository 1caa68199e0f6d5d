// SharedBlock: memory that processes of one machine share under a name (POSIX shm_open), read and
// written by copies and never mapped: whoever else has it may cut it at any time, and a mapping
// would then end this process with SIGBUS, where a copy ends with an error.
//
// Errors: FAILED_PRECONDITION when the block has become too short, RESOURCE_EXHAUSTED when the
// machine has no memory for what is written, else INTERNAL.
//
// Thread-safety: any thread. Bytes that others write meanwhile come out as any mix of old and new.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/bytes.h"
#include "base/status.h"

namespace hf::env {

class SharedBlock {
public:
    virtual ~SharedBlock() = default;

    virtual Result<std::uint64_t> size() const = 0;  // in bytes, now

    // Exactly these bytes from `offset` on.
    virtual Status read(std::uint64_t offset, std::span<std::uint8_t> out) const = 0;
    virtual Status write(std::uint64_t offset, ByteView bytes) const = 0;
};

// The block of that name, as it is given to shm_open(3): "/frames", or "frames". INVALID_ARGUMENT
// for what is no such name, NOT_FOUND and PERMISSION_DENIED as the operating system says.
using OpenSharedBlock =
    std::function<Result<std::shared_ptr<const SharedBlock>>(const std::string& name)>;

}  // namespace hf::env
