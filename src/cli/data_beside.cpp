#include "cli/data_beside.h"

#include <algorithm>

#include "base/text.h"
#include "crypto/hash.h"
#include "env/mapped_pages.h"

namespace hf::cli {
namespace {

// What is in memory twice at a time, here and as pages of the file.
constexpr std::size_t kPieceBytes = std::size_t{4} << 20;

std::string folder_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

// The digest of a file's bytes; they go to `to`, one piece behind the other, or, where it is null,
// nowhere.
Result<Digest> read_in_pieces(const env::MappedFile& map, std::uint8_t* to) {
    const std::size_t size = map.bytes().size();
    Bytes piece(to ? 0 : std::min(size, kPieceBytes));
    crypto::Sha256 hash;
    for (std::size_t at = 0; at < size; at += kPieceBytes) {
        std::uint8_t* const start = to ? to + at : piece.data();
        const std::span<std::uint8_t> now(start, std::min(kPieceBytes, size - at));
        HF_TRY(env::copy_bytes(map, at, now));
        hash.update(now);
        env::drop_pages(map);
    }
    return hash.finish();
}

}  // namespace

Result<Digest> digest_of(const env::MappedFile& file) {
    return read_in_pieces(file, nullptr);
}

DataBeside::DataBeside(env::Files& files, const std::string& model_path, Digests digests)
    : disk_(files), folder_(folder_of(model_path)), wanted_(digests) {}

graph::ExternalData DataBeside::reader() {
    return [this](std::string_view name) { return read(name); };
}

Result<std::shared_ptr<env::MappedFile>> DataBeside::map(std::string_view name,
                                                         std::string& path) const {
    path = folder_;
    for (const std::string_view part : split(name, '/')) {
        if (!path.ends_with('/')) path += '/';
        path += part;
        const env::FileInfo info = HF_TRY(disk_.info(path).context("external data"));
        const bool file = info.kind == env::FileKind::kRegular && info.link_count == 1;
        if (!file && info.kind != env::FileKind::kDirectory) {
            return invalid_argument(
                "external data '{}' is a link or has several names; copy it beside the model",
                name);
        }
    }
    std::shared_ptr<env::MappedFile> found =
        HF_TRY(disk_.map(path, true).context("external data '{}'", name));
    return found;
}

Result<DataBeside::File*> DataBeside::find(std::string_view name) {
    const auto known = files_.find(name);
    if (known != files_.end()) return &known->second;
    File file;
    file.map = HF_TRY(map(name, file.path));
    return &files_.emplace(std::string(name), std::move(file)).first->second;
}

Status DataBeside::keep_digest(File& file, const Digest& digest) {
    if (!file.digest) file.digest = digest;
    if (*file.digest == digest) return {};
    changed_ = file.path;
    return aborted("{}: the file changed while it was read; load it again", file.path);
}

Result<graph::ExternalBytes> DataBeside::read(std::string_view name) {
    File& file = *HF_TRY(find(name));
    const std::size_t size = file.map->bytes().size();
    if (wanted_ == Digests::kNone) return graph::ExternalBytes{file.map->bytes(), file.map};
    if (!file.bytes) {
        // Aligned as the allocator aligns, which is enough for every type of elements.
        std::shared_ptr<std::uint8_t[]> bytes =
            std::make_unique_for_overwrite<std::uint8_t[]>(size);
        const Result<Digest> digest = read_in_pieces(*file.map, bytes.get());
        if (!digest.ok()) {
            changed_ = file.path;
            return digest.status().context("{}", file.path);
        }
        HF_TRY(keep_digest(file, *digest));
        file.bytes = std::move(bytes);
    }
    return graph::ExternalBytes{{file.bytes.get(), size}, file.bytes, true};
}

Status DataBeside::look_at(const std::vector<std::string>& names) {
    for (const std::string& name : names) {
        File& file = *HF_TRY(find(name));
        if (file.digest) continue;
        file.digest = HF_TRY(digest_of(*file.map).context("{}", file.path));
    }
    return {};
}

void DataBeside::forget() {
    for (auto& [name, file] : files_) file.bytes.reset();
}

std::map<std::string, Digest> DataBeside::digests() const {
    std::map<std::string, Digest> all;
    for (const auto& [name, file] : files_) {
        if (file.digest) all.emplace(name, *file.digest);
    }
    return all;
}

}  // namespace hf::cli
