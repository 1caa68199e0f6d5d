// Whole files by system calls, for the small runners: no streams, no locales.
//
// Errors name the path and what the operating system said. Thread-safe.

#pragma once

#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/status.h"

namespace hf::runner {

// A larger input than any tensor of a small model.
inline constexpr std::uint64_t kMaxInputBytes = std::uint64_t{1} << 30;

// A regular file, mapped read-only until the process ends.
Result<ByteView> map_file(const std::string& path);

// The whole file, or of "-" all of standard input. RESOURCE_EXHAUSTED beyond kMaxInputBytes.
Result<Bytes> read_file(const std::string& path);

// Makes or overwrites the file; "-" is standard output.
Status write_file(const std::string& path, ByteView bytes);

// To standard output or error. What cannot be written is lost.
void print(std::string_view text);
void complain(std::string_view text);

}  // namespace hf::runner
