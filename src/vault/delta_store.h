// Deltas between blobs of a vault, made when somebody asks and kept for those who ask next.
//
// The one idea: a delta can be made again, so its store is a bounded cache: files below
// `.holdfast/deltas/`, named by a number that grows and by both digests; the oldest go when there
// are too many bytes. A pair whose delta would not be smaller than the blob itself leaves an empty
// file, so that it is not tried again. What is kept is checked when it is opened, and made again
// when it is damaged.
//
// Borrows the Files. Thread-safety: any thread and any process; one delta at a time is made for a
// folder. Errors: NOT_FOUND when there is no use in a delta (the message says why: fetch the blob),
// UNAVAILABLE while another one is being made, and what Files answers.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "env/files.h"
#include "vault/delta/align.h"

namespace hf::vault {

inline constexpr std::string_view kDeltasFolder = "deltas";  // among what a vault keeps of its own
inline constexpr std::size_t kMaxStoredDeltas = 4096;        // the refused pairs among them

struct DeltaStoreOptions {
    std::uint64_t store_bytes_max = std::uint64_t{1} << 30;

    // Of base and result each: making a delta holds the delta in memory and a thread for seconds.
    std::uint64_t blob_bytes_max = std::uint64_t{256} << 20;
    int level = 12;  // of zstd

    // Where a file keeps its weights; without it they are found by content.
    std::function<std::vector<delta::Tensor>(ByteView)> find_tensors;
};

// Sizes are those that a manifest says.
struct DeltaEnds {
    Digest base;
    std::uint64_t base_bytes = 0;
    Digest result;
    std::uint64_t result_bytes = 0;
};

// The ends of a delta that is kept under that name; nullopt for other files.
struct DeltaName {
    std::uint64_t number = 0;  // larger: made later
    Digest base;
    Digest result;

    std::string text() const;
    static std::optional<DeltaName> parse(std::string_view name);
};

class DeltaStore final {
public:
    // Opens a blob, verified.
    using OpenBlob = std::function<Result<std::shared_ptr<const env::MappedFile>>(const Digest&)>;

    DeltaStore(env::Files& files, std::string folder, DeltaStoreOptions options)
        : files_(files), folder_(std::move(folder)), options_(std::move(options)) {}

    // The delta, mapped.
    Result<std::shared_ptr<const env::MappedFile>> get(const DeltaEnds& ends, const OpenBlob& open);

private:
    struct Stored;

    Status check_sizes(const DeltaEnds& ends) const;
    Result<std::vector<Stored>> list() const;
    Result<std::shared_ptr<const env::MappedFile>> find(const DeltaEnds& ends);
    Result<std::shared_ptr<const env::MappedFile>> make(const DeltaEnds& ends,
                                                        const OpenBlob& open);
    Result<std::uint64_t> make_room(std::uint64_t bytes, const DeltaEnds& ends);
    std::string path(const DeltaName& name) const;

    env::Files& files_;
    const std::string folder_;
    const DeltaStoreOptions options_;
};

}  // namespace hf::vault
