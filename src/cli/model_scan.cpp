#include "cli/model_scan.h"

#include <algorithm>

namespace hf::cli {
namespace {

constexpr int kMaxFolderDepth = 32;
constexpr std::size_t kMaxModelFiles = 10'000;

std::string without_trailing_slashes(std::string path) {
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    return path;
}

struct Walk {
    World& world;
    const std::string root;
    const std::vector<std::string>& ignored;
    ModelFiles found;
};

Status add_file(Walk& walk, const std::string& relative) {
    if (walk.found.files.size() >= kMaxModelFiles) {
        return resource_exhausted("{} has more than {} files", walk.root, kMaxModelFiles);
    }
    const std::string path = walk.root + "/" + relative;
    const env::FileInfo info = HF_TRY(walk.world.files.info(path));
    trust::FileToScan file;
    file.path = relative;
    if (info.kind == env::FileKind::kSymlink) {
        file.tie = trust::FileTie::kLink;
    } else if (info.kind != env::FileKind::kRegular) {
        file.tie = trust::FileTie::kSpecial;
    } else {
        if (info.link_count > 1) file.tie = trust::FileTie::kShared;
        walk.found.maps.push_back(HF_TRY(walk.world.files.map(path, true)));
        file.bytes = walk.found.maps.back()->bytes();
    }
    walk.found.files.push_back(std::move(file));
    return {};
}

Status visit(Walk& walk, const std::string& relative, int depth) {
    if (depth > kMaxFolderDepth) {
        return resource_exhausted("{} is nested deeper than {}", relative, kMaxFolderDepth);
    }
    const std::string folder = relative.empty() ? walk.root : walk.root + "/" + relative;
    for (const env::DirectoryEntry& entry : HF_TRY(walk.world.files.list(folder))) {
        const std::string name = relative.empty() ? entry.name : relative + "/" + entry.name;
        if (std::find(walk.ignored.begin(), walk.ignored.end(), name) != walk.ignored.end()) {
            continue;
        }
        if (entry.kind == env::FileKind::kDirectory) {
            HF_TRY(visit(walk, name, depth + 1));
        } else {
            HF_TRY(add_file(walk, name));
        }
    }
    return {};
}

// A link anywhere on the way to `relative` makes it a link: its bytes would come from elsewhere.
bool leads_through_link(World& world, const std::string& folder, const std::string& relative) {
    for (std::size_t at = relative.find('/'); at != std::string::npos;
         at = relative.find('/', at + 1)) {
        const Result<env::FileInfo> info = world.files.info(folder + "/" + relative.substr(0, at));
        if (!info.ok() || info->kind != env::FileKind::kDirectory) return true;
    }
    return false;
}

Status add_external(Walk& walk) {
    const std::vector<std::string> paths =
        trust::external_data_paths(walk.found.files.front().bytes);
    for (const std::string& path : paths) {
        if (leads_through_link(walk.world, walk.root, path)) {
            walk.found.files.push_back({path, {}, trust::FileTie::kLink});
        } else if (walk.world.files.exists(walk.root + "/" + path)) {
            HF_TRY(add_file(walk, path));
        }
    }
    return {};
}

}  // namespace

Result<ModelFiles> open_model_files(World& world, const std::string& path,
                                    const std::vector<std::string>& ignored,
                                    std::span<const std::string_view> endings) {
    const std::string clean = without_trailing_slashes(path);
    const env::FileInfo info = HF_TRY(world.files.info(clean));
    if (info.kind == env::FileKind::kDirectory) {
        Walk walk{world, clean, ignored, {}};
        HF_TRY(visit(walk, "", 0));
        if (walk.found.files.empty()) return invalid_argument("{} holds no file", path);
        return std::move(walk.found);
    }
    const std::size_t slash = clean.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : clean.substr(0, slash);
    Walk walk{world, folder, ignored, {}};
    const std::string name = clean.substr(slash == std::string::npos ? 0 : slash + 1);
    HF_TRY(add_file(walk, name));
    HF_TRY(add_external(walk));
    for (const std::string_view ending : endings) {
        const std::string beside = name + std::string(ending);
        if (world.files.exists(folder + "/" + beside)) HF_TRY(add_file(walk, beside));
    }
    return std::move(walk.found);
}

std::string describe_scan(const trust::ScanResult& result) {
    std::string text;
    for (const trust::Finding& finding : result.findings) {
        text += fmt::format("{} [{}] {}: {}\n", finding.refused ? "refused" : "note   ",
                            finding.code, finding.place, finding.message);
    }
    if (!result.accepted) return text + "refused\n";
    for (const trust::ScannedFile& file : result.files) {
        text += fmt::format("{}: {}\n", file.path, trust::format_name(file.format));
    }
    return text + "accepted\n";
}

}  // namespace hf::cli
