// Applies a delta: the result in order, from the base read where it is needed.
//
// The one idea: memory does not depend on any size in the delta. One chunk is held at a time; with
// its base, list and working memory that is below kDecodeBytesMax. Nothing is believed: the base is
// hashed before the first byte is made, and the result when the last one is.
//
// Borrows what it is given. One thread at a time for each object.
//
// Errors, besides those of format.h: FAILED_PRECONDITION for another base than the delta's,
// RESOURCE_EXHAUSTED for a result larger than allowed, DATA_LOSS for a result of another digest,
// and what files answer. After an error, what was appended is to be thrown away.

#pragma once

#include <optional>
#include <vector>

#include "env/files.h"
#include "vault/delta/format.h"
#include "vault/delta/zstd.h"

namespace hf::vault::delta {

inline constexpr std::size_t kDecodeBytesMax = std::size_t{16} << 20;
inline constexpr std::uint64_t kDefaultMaxResultBytes = std::uint64_t{64} << 30;

// A chunk whose checksum and list were checked. The view is valid until the reader's next call.
struct Chunk {
    ChunkHead head;
    std::vector<Operation> operations;
    ByteView data;
};

// Reads a delta from its start to its end.
class DeltaReader final {
public:
    // `file` must outlive the reader.
    static Result<DeltaReader> open(const env::ReadFile& file);

    const Header& header() const { return header_; }

    // Nothing behind the last chunk. An error names the chunk and its offset in the delta.
    Result<std::optional<Chunk>> next();

private:
    DeltaReader(const env::ReadFile& file, const Header& header)
        : file_(file), header_(header), at_(kHeaderBytes) {}
    Result<Chunk> read_chunk();
    Status check_end() const;

    const env::ReadFile& file_;
    Header header_;
    std::uint64_t at_;
    std::uint64_t chunks_ = 0;
    std::uint64_t result_bytes_ = 0;
    Bytes packed_;  // with its head
    Bytes unpacked_;
    Decompressor decompressor_;
};

struct ApplyOptions {
    std::uint64_t max_result_bytes = kDefaultMaxResultBytes;
};

// Appends the result to `out`; OK when all of it is there and has the digest that the header says.
Result<Header> apply(const env::ReadFile& base, const env::ReadFile& delta, env::FileWriter& out,
                     const ApplyOptions& options = {});

}  // namespace hf::vault::delta
