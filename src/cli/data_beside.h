// DataBeside: the files beside an ONNX model that it names as external data (its weights, where
// they are not in its own file), as they were found when they were first asked for.
//
// Who serves a model must know which weights answer, so that they are read once into memory, where
// nobody writes to them any more, and their digest is taken of what was read. What is read again
// must have that digest. Commands that only run a model leave the digests out, and read the files
// where they are mapped.
//
// Every part of a name must be a folder and the last a regular file with one name, so that neither
// a symbolic nor a hard link leads outside. A file stays mapped, without pages in memory, as long
// as this lives: what comes to lie under its name is another.
//
// Ownership: the files outlive it. Thread-safety: one thread at a time.

#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "env/files.h"
#include "graph/load.h"

namespace hf::cli {

// In pieces, and without an access that would end the process where the file has been cut since it
// was mapped: DATA_LOSS then. No pages of it stay in memory.
Result<Digest> digest_of(const env::MappedFile& file);

class DataBeside final {
public:
    enum class Digests : unsigned char { kNone, kTaken };

    DataBeside(env::Files& files, const std::string& model_path, Digests digests);

    // For graph::load(), and no longer than it: REQUIRES: this outlives what is returned.
    graph::ExternalData reader();

    // Takes the digests of these files, as far as that has not happened, without keeping what was
    // read. REQUIRES: Digests::kTaken.
    Status look_at(const std::vector<std::string>& names);

    // Lets go of what was read, but for what somebody has; the files stay.
    void forget();

    // Of the files that were read or looked at, by name. REQUIRES: Digests::kTaken.
    std::map<std::string, Digest> digests() const;

    // The path of a file that was not any more what it was when it was read again; empty: none.
    const std::string& changed() const { return changed_; }

private:
    struct File {
        std::string path;
        std::shared_ptr<env::MappedFile> map;
        std::shared_ptr<const std::uint8_t[]> bytes;  // as they were read; null: not now
        std::optional<Digest> digest;
    };
    Result<graph::ExternalBytes> read(std::string_view name);
    Result<std::shared_ptr<env::MappedFile>> map(std::string_view name, std::string& path) const;
    Result<File*> find(std::string_view name);
    Status keep_digest(File& file, const Digest& digest);

    env::Files& disk_;
    const std::string folder_;
    const Digests wanted_;
    std::map<std::string, File, std::less<>> files_;
    std::string changed_;
};

}  // namespace hf::cli
