// Vault: content-addressed blobs in an OCI image layout folder (image-spec 1.1, image-layout.md):
// `oci-layout`, `index.json`, `blobs/sha256/<hex>`. Any OCI tool reads what is written here.
//
// The one idea: bytes are named by their digest and believed only after they were hashed. A blob is
// written under a temporary name, synced, renamed; the index names a manifest only after every blob
// that it needs is in place. So a crash at any point leaves at worst blobs and temporary files that
// nothing names, and collect_garbage() removes them.
//
// Writers: a Push holds one of kMaxPushes slots (a lock file that dies with its process) from its
// first blob to its end. While any slot is held the collector removes nothing, so that blobs of a
// push under way are safe, however slow it is. index.json changes under `.holdfast/index.lock`.
//
// Ownership: a Vault borrows the Files and must not outlive them; a Push must not outlive its
// Vault. Thread-safety: a Vault may be used from any thread and any process; a Push from one.
//
// Errors: NOT_FOUND (reference or blob), DATA_LOSS (a blob is not what its name says), UNAVAILABLE
// (the index stays locked, or too many pushes), INVALID_ARGUMENT (a hostile layout, naming the
// file), and what Files answers, such as RESOURCE_EXHAUSTED for a full disk.

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/hash.h"
#include "env/files.h"
#include "vault/descriptor.h"
#include "vault/reference.h"

namespace hf::vault {

inline constexpr std::string_view kNameAnnotation = "org.opencontainers.image.ref.name";
inline constexpr std::size_t kMaxReferences = 10'000;
inline constexpr int kMaxPushes = 64;

// How long a writer waits for another one to finish with the index.
inline constexpr Duration kIndexPatience = std::chrono::seconds(30);

class Vault;

// A blob on its way in. Nothing shows until commit(); destruction without it leaves nothing.
class BlobWriter final {
public:
    // RESOURCE_EXHAUSTED as soon as more bytes come than were announced.
    Status append(ByteView bytes);

    // DATA_LOSS when the bytes are fewer than announced, or have another digest.
    Status commit();

    std::uint64_t size_bytes() const { return size_bytes_; }

private:
    friend class Push;
    BlobWriter(Descriptor expected, std::unique_ptr<env::FileWriter> file)
        : expected_(std::move(expected)), file_(std::move(file)) {}

    Descriptor expected_;
    std::unique_ptr<env::FileWriter> file_;
    crypto::Sha256 hash_;
    std::uint64_t size_bytes_ = 0;
};

// The right to add to a vault.
class Push final {
public:
    // Stores the bytes, unless a blob with their digest is there and sound.
    Result<Descriptor> put(ByteView bytes, std::string_view media_type);

    // A sound blob of that digest and size is there already. A damaged one counts as absent, and is
    // replaced when written again.
    bool has(const Descriptor& blob) const;

    // For bytes that arrive in pieces.
    Result<std::unique_ptr<BlobWriter>> create(const Descriptor& expected);

    // Makes `name` ("pump:1") mean this manifest from now on; an empty name adds it without one.
    // FAILED_PRECONDITION names the first blob that the manifest needs and the vault lacks.
    Status tag(const Descriptor& manifest, std::string_view name);

    // A path for a file that this push alone may write, and removes when it is done with it. The
    // collector removes what a push that was killed left there.
    std::string scratch_path() const;

private:
    friend class Vault;
    Push(Vault& vault, int number, std::unique_ptr<env::FileLock> slot)
        : vault_(vault), number_(number), slot_(std::move(slot)) {}

    Vault& vault_;
    int number_;
    std::unique_ptr<env::FileLock> slot_;
};

struct GarbageReport {
    std::size_t blobs_kept = 0;
    std::size_t blobs_removed = 0;
    std::size_t temporaries_removed = 0;  // deltas among them
    std::uint64_t bytes_removed = 0;
    bool push_under_way = false;  // then nothing was removed
};

struct CheckReport {
    std::size_t references = 0;
    std::size_t blobs = 0;              // reachable, each hashed
    std::vector<std::string> problems;  // one line each; empty: sound
};

class Vault final {
public:
    // Creates the layout where there is none. FAILED_PRECONDITION when the folder holds something
    // else.
    static Result<std::unique_ptr<Vault>> open(env::Files& files, std::string folder);

    // For folders that others made: nothing is created. NOT_FOUND when there is no layout.
    static Result<std::unique_ptr<Vault>> open_existing(env::Files& files, std::string folder);

    const std::string& folder() const { return folder_; }

    // What this program keeps beside the layout: locks, and what can be made again. No other tool
    // looks there.
    std::string own_path(std::string_view name) const;

    env::Files& files() const { return files_; }

    // The manifest that a reference means. The registry part is ignored.
    Result<Descriptor> resolve(const Reference& reference) const;

    // Everything that index.json names, in its order.
    Result<std::vector<Descriptor>> list() const;

    // The blob, mapped; its digest was taken over the very bytes that the mapping shows.
    Result<std::shared_ptr<const env::MappedFile>> open_blob(const Digest& digest) const;

    // As above for a descriptor: its size must agree too. `what` names it in errors.
    Result<std::shared_ptr<const env::MappedFile>> open_blob(const Descriptor& blob,
                                                             std::string_view what) const;

    // A file of that name is there; nothing is said of its bytes.
    bool holds(const Digest& digest) const;

    // UNAVAILABLE when kMaxPushes are under way.
    Result<std::unique_ptr<Push>> begin_push();

    // NOT_FOUND when there is no such name. The blobs stay until the next collection.
    Status untag(std::string_view name);

    // Forgets the entries of the index that are unwanted, with a name or without; how many. The
    // blobs stay until the next collection.
    Result<std::size_t> forget_if(const std::function<bool(const Descriptor&)>& unwanted);

    // Removes blobs that no reference reaches, deltas from or to them, and what interrupted writes
    // left. Removes nothing when a reference leads to a manifest that cannot be read.
    Result<GarbageReport> collect_garbage();

    // Reads and hashes everything that references reach.
    Result<CheckReport> check() const;

private:
    friend class Push;
    Vault(env::Files& files, std::string folder) : files_(files), folder_(std::move(folder)) {}

    std::string blob_path(const Digest& digest) const;
    Result<std::unique_ptr<env::FileLock>> lock_index() const;
    Status write_index(const std::vector<Descriptor>& entries);
    Status collect_reachable(const Descriptor& from, int depth, std::set<Digest>& out) const;
    Status remove_unreached(const std::set<Digest>& reachable, GarbageReport& report);
    Status remove_own_leavings(const std::set<Digest>& reachable, GarbageReport& report);
    Status remove_temporaries(const std::string& folder, GarbageReport& report);

    env::Files& files_;
    std::string folder_;
};

}  // namespace hf::vault
