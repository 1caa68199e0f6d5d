#include "cli/model_folder.h"

#include <algorithm>

#include "crypto/hash.h"

namespace hf::cli {
namespace {

constexpr int kMaxFolderDepth = 32;
constexpr std::size_t kMaxModelFiles = 100'000;

std::string without_trailing_slashes(std::string path) {
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    return path;
}

struct Walk {
    World& world;
    const std::string root;
    const std::vector<std::string>& ignored;
    std::vector<trust::Resource> found;
};

Result<Digest> hash_file(World& world, const std::string& path) {
    const std::unique_ptr<env::MappedFile> file = HF_TRY(world.files.map(path, true));
    return crypto::sha256(file->bytes());
}

Status visit(Walk& walk, const std::string& relative, int depth) {
    if (depth > kMaxFolderDepth) {
        return resource_exhausted("{} is nested deeper than {}", relative, kMaxFolderDepth);
    }
    const std::string folder = relative.empty() ? walk.root : walk.root + "/" + relative;
    const std::vector<env::DirectoryEntry> entries = HF_TRY(walk.world.files.list(folder));
    for (const env::DirectoryEntry& entry : entries) {
        const std::string name = relative.empty() ? entry.name : relative + "/" + entry.name;
        if (std::find(walk.ignored.begin(), walk.ignored.end(), name) != walk.ignored.end())
            continue;
        if (entry.kind == env::FileKind::kDirectory) {
            HF_TRY(visit(walk, name, depth + 1));
        } else if (entry.kind == env::FileKind::kRegular) {
            const Digest digest = HF_TRY(hash_file(walk.world, walk.root + "/" + name));
            walk.found.push_back({name, digest});
        } else {
            return invalid_argument(
                "{}/{} is a link or a special file; replace it by a copy, or --ignore-path {}",
                walk.root, name, name);
        }
        if (walk.found.size() > kMaxModelFiles) {
            return resource_exhausted("{} has more than {} files", walk.root, kMaxModelFiles);
        }
    }
    return {};
}

}  // namespace

std::vector<std::string> default_ignored_paths() {
    return {".git", ".gitattributes", ".github", ".gitignore"};
}

std::string path_below(const std::string& folder, const std::string& inner) {
    const std::string prefix = without_trailing_slashes(folder) + "/";
    return inner.starts_with(prefix) ? inner.substr(prefix.size()) : std::string();
}

Result<std::vector<trust::Resource>> hash_model(World& world, const std::string& path,
                                                const std::vector<std::string>& ignored) {
    const env::FileInfo info = HF_TRY(world.files.info(path));
    if (info.kind == env::FileKind::kRegular) {
        const std::string name = path.substr(path.rfind('/') + 1);
        const Digest digest = HF_TRY(hash_file(world, path));
        return std::vector<trust::Resource>{{name, digest}};
    }
    Walk walk{world, without_trailing_slashes(path), ignored, {}};
    HF_TRY(visit(walk, "", 0));
    if (walk.found.empty()) return invalid_argument("{} holds no file", path);
    return std::move(walk.found);
}

}  // namespace hf::cli
