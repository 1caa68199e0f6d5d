#include "testing/disk_files.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace hf::testing {
namespace {

Status read_only() {
    return unimplemented("DiskFiles only reads");
}

env::FileKind kind_of(const std::filesystem::path& path) {
    std::error_code error;
    if (std::filesystem::is_directory(path, error)) return env::FileKind::kDirectory;
    if (std::filesystem::is_regular_file(path, error)) return env::FileKind::kRegular;
    return env::FileKind::kOther;
}

}  // namespace

Result<Bytes> DiskFiles::read(std::string_view path, std::uint64_t max_bytes) {
    std::ifstream file(std::string(path), std::ios::binary);
    if (!file) return not_found("{}", path);
    Bytes bytes(std::istreambuf_iterator<char>(file), {});
    if (bytes.size() > max_bytes) return resource_exhausted("{}", path);
    return bytes;
}

Result<std::unique_ptr<env::MappedFile>> DiskFiles::map(std::string_view, bool) {
    return read_only();
}

Result<std::unique_ptr<env::ReadFile>> DiskFiles::open_read(std::string_view) {
    return read_only();
}

Result<std::unique_ptr<env::FileWriter>> DiskFiles::create(std::string_view, env::Access) {
    return read_only();
}

Result<std::unique_ptr<env::AppendFile>> DiskFiles::open_append(std::string_view, env::Access) {
    return read_only();
}

Result<env::FileInfo> DiskFiles::info(std::string_view path) {
    if (!std::filesystem::exists(path)) return not_found("{}", path);
    return env::FileInfo{kind_of(path), 0, 1};
}

Result<std::vector<env::DirectoryEntry>> DiskFiles::list(std::string_view path) {
    std::error_code error;
    std::filesystem::directory_iterator entries(path, error);
    if (error) return not_found("{}: {}", path, error.message());
    std::vector<env::DirectoryEntry> found;
    for (const auto& entry : entries) {
        found.push_back({entry.path().filename().string(), kind_of(entry.path())});
    }
    std::sort(found.begin(), found.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    return found;
}

Status DiskFiles::create_directories(std::string_view) {
    return read_only();
}
Status DiskFiles::sync_folder(std::string_view) {
    return read_only();
}
Status DiskFiles::remove(std::string_view) {
    return read_only();
}

Result<std::unique_ptr<env::FileLock>> DiskFiles::lock(std::string_view) {
    return read_only();
}

}  // namespace hf::testing
