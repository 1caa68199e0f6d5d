// Clock: the only way to learn the time. Real in posix/, handed-in in tests.
// Thread-safety: implementations may be called from any thread.

#pragma once

#include "base/time.h"

namespace hf::env {

class Clock {
public:
    virtual ~Clock() = default;

    // Wall time, UTC; may step when the machine's clock is corrected.
    virtual Instant now() const = 0;

    // Time since an arbitrary start; never goes back. For measuring, never for storing.
    virtual Duration monotonic() const = 0;

    // Processor time that the calling thread has used. For measuring.
    virtual Duration thread_cpu() const = 0;
};

}  // namespace hf::env
