#include "testing/memory_files.h"

#include <algorithm>

namespace hf::testing {
namespace {

class Copy final : public env::MappedFile {
public:
    explicit Copy(Bytes bytes) : bytes_(std::move(bytes)) {}
    ByteView bytes() const override { return bytes_; }

private:
    Bytes bytes_;
};

Status power_is_off() {
    return internal_error("the power is off");
}

}  // namespace

class MemoryFiles::Writer final : public env::FileWriter {
public:
    Writer(MemoryFiles& files, std::string target, std::string temporary)
        : files_(files),
          target_(std::move(target)),
          temporary_(std::move(temporary)),
          life_(files.lives_) {}

    ~Writer() override {
        if (!files_.cut_ && life_ == files_.lives_) files_.contents_.erase(temporary_);
    }

    Status append(ByteView bytes) override {
        bool cut = false;
        const Status status = files_.step(cut);
        if (!status.ok() && !cut) return status;
        if (cut) bytes = bytes.first(bytes.size() / 2);
        Bytes& content = files_.contents_[temporary_];
        content.insert(content.end(), bytes.begin(), bytes.end());
        return status;
    }

    Status commit() override {
        bool cut = false;
        HF_TRY(files_.step(cut));
        auto node = files_.contents_.extract(temporary_);
        files_.contents_[target_] = std::move(node.mapped());
        return {};
    }

private:
    MemoryFiles& files_;
    std::string target_;
    std::string temporary_;
    std::size_t life_;
};

class MemoryFiles::Lock final : public env::FileLock {
public:
    Lock(MemoryFiles& files, std::string path)
        : files_(files), path_(std::move(path)), life_(files.lives_) {}
    ~Lock() override {
        if (life_ == files_.lives_) files_.locks_.erase(path_);
    }

private:
    MemoryFiles& files_;
    std::string path_;
    std::size_t life_;
};

void MemoryFiles::trouble_at(std::size_t operation, Trouble trouble) {
    operations_ = 0;
    trouble_at_ = operation;
    trouble_ = trouble;
}

void MemoryFiles::restart() {
    cut_ = false;
    trouble_at_ = 0;
    locks_.clear();
    ++lives_;
}

Status MemoryFiles::step(bool& cut) {
    if (cut_) return power_is_off();
    if (++operations_ != trouble_at_) return {};
    if (trouble_ == Trouble::kFull) return resource_exhausted("no space is left");
    cut_ = true;
    cut = true;
    return power_is_off();
}

Result<Bytes> MemoryFiles::read(std::string_view path, std::uint64_t max_bytes) {
    const auto found = contents_.find(std::string(path));
    if (found == contents_.end()) return not_found("{}", path);
    if (found->second.size() > max_bytes) return resource_exhausted("{} is too long", path);
    return found->second;
}

Result<std::unique_ptr<env::MappedFile>> MemoryFiles::map(std::string_view path, bool) {
    Bytes bytes = HF_TRY(read(path, ~std::uint64_t{0}));
    return std::make_unique<Copy>(std::move(bytes));
}

Result<std::unique_ptr<env::FileWriter>> MemoryFiles::create(std::string_view path, env::Access) {
    bool cut = false;
    HF_TRY(step(cut));
    const std::string folder(path.substr(0, path.rfind('/')));
    if (!folders_.contains(folder)) return not_found("folder {}", folder);
    const std::string temporary = fmt::format("{}.tmp-{}", path, ++temporaries_);
    contents_[temporary] = {};
    return std::make_unique<Writer>(*this, std::string(path), temporary);
}

Result<env::FileInfo> MemoryFiles::info(std::string_view path) {
    const auto found = contents_.find(std::string(path));
    if (found != contents_.end()) {
        return env::FileInfo{env::FileKind::kRegular, found->second.size(), 1};
    }
    if (folders_.contains(std::string(path))) return env::FileInfo{env::FileKind::kDirectory, 0, 1};
    return not_found("{}", path);
}

Result<std::vector<env::DirectoryEntry>> MemoryFiles::list(std::string_view path) {
    if (!folders_.contains(std::string(path))) return not_found("folder {}", path);
    const std::string prefix = std::string(path) + "/";
    std::vector<env::DirectoryEntry> entries;
    const auto add = [&](const std::string& name, env::FileKind kind) {
        if (!name.starts_with(prefix) || name.find('/', prefix.size()) != std::string::npos) return;
        entries.push_back({name.substr(prefix.size()), kind});
    };
    for (const auto& [name, bytes] : contents_) add(name, env::FileKind::kRegular);
    for (const std::string& name : folders_) add(name, env::FileKind::kDirectory);
    std::sort(entries.begin(), entries.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    return entries;
}

Status MemoryFiles::create_directories(std::string_view path) {
    for (std::size_t at = 1; at <= path.size(); ++at) {
        if (at != path.size() && path[at] != '/') continue;
        const std::string folder(path.substr(0, at));
        if (folders_.contains(folder)) continue;
        bool cut = false;
        HF_TRY(step(cut));
        folders_.insert(folder);
    }
    return {};
}

Status MemoryFiles::remove(std::string_view path) {
    bool cut = false;
    HF_TRY(step(cut));
    contents_.erase(std::string(path));
    folders_.erase(std::string(path));
    return {};
}

Result<std::unique_ptr<env::FileLock>> MemoryFiles::lock(std::string_view path) {
    if (cut_) return power_is_off();
    const std::string name(path);
    if (!locks_.insert(name).second) return unavailable("{} is locked", name);
    contents_.try_emplace(name);
    return std::make_unique<Lock>(*this, name);
}

}  // namespace hf::testing
