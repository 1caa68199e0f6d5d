// AccessLog: a line a request, to a file or anywhere else, and no request waits for it.
//
// The idea: offer() appends to a buffer of at most kLogBufferMax bytes and returns; one thread
// ("hf-access-log") writes the buffer out, at most ten times a second. Lines that do not fit, and
// those that cannot be written because the disk is full, are dropped and counted. What was offered
// before the destruction is still written.
//
// A file that is renamed or removed is made anew with the next lines, which is all that a rotation
// needs: no signal. One that is cut off while it is written goes on at its new end.
//
// Thread-safety: all methods from any thread.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "base/mutex.h"
#include "base/status.h"
#include "env/files.h"

namespace hf::serve::seen {

inline constexpr std::size_t kLogBufferMax = 4u << 20;

class AccessLog final {
public:
    // Gets whole lines, on the log's thread.
    using Sink = std::function<Status(std::string_view lines)>;

    // Appends to the file, which is made when it is not there. Errors as Files::open_append().
    // REQUIRES: files outlives it.
    static Result<std::unique_ptr<AccessLog>> open(env::Files& files, const std::string& path);

    explicit AccessLog(Sink sink);
    ~AccessLog();
    AccessLog(const AccessLog&) = delete;
    AccessLog& operator=(const AccessLog&) = delete;

    void offer(std::string_view line);

    // Of lines.
    struct Counts {
        std::uint64_t written = 0;
        std::uint64_t dropped = 0;
    };
    Counts counts() const;
    std::string metrics() const;  // Prometheus text

private:
    void run();

    const Sink sink_;

    mutable Mutex mutex_;
    ConditionVariable news_;
    std::string buffer_ HF_GUARDED_BY(mutex_);
    std::uint64_t lines_ HF_GUARDED_BY(mutex_) = 0;  // in the buffer
    Counts counts_ HF_GUARDED_BY(mutex_);
    bool ending_ HF_GUARDED_BY(mutex_) = false;

    std::thread thread_;  // last: it uses the rest
};

}  // namespace hf::serve::seen
