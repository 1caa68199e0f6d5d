#include "cli/repository_folder.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "crypto/hash.h"

namespace hf::cli {
namespace {

constexpr std::array<std::string_view, 3> kEndings{".onnx", ".tflite", ".plan"};
constexpr std::size_t kNameBytesMax = 255;

bool may_be_folder(const env::DirectoryEntry& entry) {
    return entry.kind == env::FileKind::kDirectory || entry.kind == env::FileKind::kSymlink;
}

bool is_model_file(std::string_view name) {
    return !name.starts_with('.') &&
           std::any_of(kEndings.begin(), kEndings.end(),
                       [&](std::string_view ending) { return name.ends_with(ending); });
}

bool is_control(char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

// The versions whose folders lie in the model's.
Result<serve::VersionChoice> choose(World& world, const std::string& folder,
                                    const serve::VersionPolicy& policy) {
    const std::vector<env::DirectoryEntry> entries = HF_TRY(world.files.list(folder));
    std::vector<std::string> versions;
    for (const env::DirectoryEntry& entry : entries) {
        if (may_be_folder(entry) && serve::is_version(entry.name)) versions.push_back(entry.name);
    }
    if (versions.size() > RepositoryFolder::kVersionsMax) {
        return resource_exhausted("{}: has {} versions, over the limit of {}; move old ones away",
                                  folder, versions.size(), RepositoryFolder::kVersionsMax);
    }
    if (versions.empty()) {
        return not_found("{}: holds no version; put the model's file into {}/1", folder, folder);
    }
    serve::VersionChoice choice = serve::choose_versions(policy, std::move(versions));
    if (choice.wanted.size() <= serve::kMaxModels) return choice;
    return resource_exhausted(
        "{}: {} versions would be served, over the limit of {}; say which ones with --versions",
        folder, choice.wanted.size(), serve::kMaxModels);
}

}  // namespace

Status check_model_name(std::string_view name) {
    const bool fits = !name.empty() && name.size() <= kNameBytesMax && is_utf8(name) &&
                      name.find('/') == name.npos && !name.starts_with('.') &&
                      std::none_of(name.begin(), name.end(), is_control);
    if (fits) return {};
    std::string shown;
    for (const char c : name.substr(0, 64)) {
        shown += is_control(c) || static_cast<unsigned char>(c) >= 0x80 ? '?' : c;
    }
    return invalid_argument(
        "'{}' cannot be a model's name: want UTF-8 text without '/' and control characters, not "
        "begun by a dot; rename the folder",
        shown);
}

Result<std::string> choose_model_file(const std::vector<env::DirectoryEntry>& entries) {
    std::vector<std::string> found;
    for (const env::DirectoryEntry& entry : entries) {
        const bool file =
            entry.kind == env::FileKind::kRegular || entry.kind == env::FileKind::kSymlink;
        if (file && is_model_file(entry.name)) found.push_back(entry.name);
    }
    if (found.empty()) {
        return not_found("holds no model.onnx, model.tflite or model.plan; put one there");
    }
    if (found.size() == 1) return found.front();
    std::vector<std::string> plain;
    for (const std::string& name : found) {
        if (name.substr(0, name.rfind('.')) == "model") plain.push_back(name);
    }
    if (plain.size() == 1) return plain.front();
    return invalid_argument("holds {} model files, '{}' and '{}' among them; keep one",
                            found.size(), found[0], found[1]);
}

namespace {

constexpr int kMaxVersionDepth = 8;

// What is in a version's folder, as text: names and sizes and, where they are wanted, digests.
struct Listing {
    World& world;
    bool contents = false;
    std::string text;

    // Weights may lie in folders of their own.
    Status add(const std::string& folder, int depth) {
        for (const env::DirectoryEntry& entry : HF_TRY(world.files.list(folder))) {
            const std::string path = fmt::format("{}/{}", folder, entry.name);
            const Result<env::FileInfo> info = world.files.info(path);
            text += fmt::format("{}\n{}\n", entry.name, info.ok() ? info->size_bytes : 0);
            if (entry.kind == env::FileKind::kDirectory) {
                if (depth < kMaxVersionDepth) HF_TRY(add(path, depth + 1));
                continue;
            }
            if (!contents) continue;
            const auto file = world.files.map(path, false);
            if (file.ok()) text += crypto::sha256((*file)->bytes()).hex() + "\n";
        }
        return {};
    }
};

}  // namespace

// A model's folder, and the files of its versions that are served.
class RepositoryFolder::Model final {
public:
    Model(const RepositoryFolder& of, std::string name)
        : of_(of),
          name_(std::move(name)),
          folder_(fmt::format("{}/{}", of.options_.folder, name_)),
          policy_(of.options_.policies.of(name_).value_or(serve::VersionPolicy())) {}

    Result<serve::ModelRepository::Loaded> load(const serve::Hosts& now) {
        note_configuration();
        const serve::VersionChoice choice = HF_TRY(choose(of_.world_, folder_, policy_));
        std::erase_if(files_, [&](const auto& entry) {
            return std::find(choice.wanted.begin(), choice.wanted.end(), entry.first) ==
                   choice.wanted.end();
        });
        serve::ModelRepository::Loaded loaded;
        for (const std::string& version : choice.wanted) {
            const auto before = std::find_if(now.begin(), now.end(), [&](const auto& host) {
                return host->identity().version == version;
            });
            auto host = load_version(version, before == now.end() ? nullptr : before->get());
            if (!host.ok()) {
                loaded.failed.push_back({version, host.status()});
            } else {
                loaded.hosts.push_back(*host ? std::move(*host) : *before);
            }
        }
        for (const std::string& version : choice.missing) {
            loaded.failed.push_back({version, not_found("{}/{} is not there", folder_, version)});
        }
        return loaded;
    }

    std::vector<Served> served() const {
        std::vector<Served> all;
        for (const auto& [version, file] : files_) {
            all.push_back({version, file->path(), file->load_ms()});
        }
        return all;
    }

private:
    // Null: as before.
    Result<std::shared_ptr<serve::ModelHost>> load_version(const std::string& version,
                                                           const serve::ModelHost* now) {
        const std::string folder = fmt::format("{}/{}", folder_, version);
        const auto entries = HF_TRY(of_.world_.files.list(folder));
        const std::string path =
            fmt::format("{}/{}", folder, HF_TRY(choose_model_file(entries).context("{}", folder)));
        std::unique_ptr<ServedFile>& file = files_[version];
        if (!file || file->path() != path) {
            file = std::make_unique<ServedFile>(of_.world_, of_.arguments_, path,
                                                of_.options_.of_file(name_, version));
        }
        return file->make_host(now);
    }

    void note_configuration() {
        const std::string path = folder_ + "/config.pbtxt";
        if (noted_ || !of_.world_.files.exists(path)) return;
        noted_ = true;
        of_.world_.note(fmt::format(
            "{}: is not read; --versions and --instances say what its version_policy and "
            "instance_group do, and the rest is known from the model\n",
            path));
    }

    const RepositoryFolder& of_;
    const std::string name_;
    const std::string folder_;
    const serve::VersionPolicy policy_;
    std::map<std::string, std::unique_ptr<ServedFile>> files_;
    bool noted_ = false;  // that its configuration is not read
};

RepositoryFolder::RepositoryFolder(World& world, const Arguments& arguments, Options options)
    : world_(world), arguments_(arguments), options_(std::move(options)) {}

RepositoryFolder::~RepositoryFolder() = default;

Result<std::vector<std::string>> RepositoryFolder::names(
    const std::function<void(const Status& why)>& refused) const {
    const std::vector<env::DirectoryEntry> entries =
        HF_TRY(world_.files.list(options_.folder).context("--repository"));
    std::vector<std::string> names;
    for (const env::DirectoryEntry& entry : entries) {
        if (!may_be_folder(entry) || entry.name.starts_with('.')) continue;
        const Status name = check_model_name(entry.name);
        if (name.ok()) {
            names.push_back(entry.name);
        } else if (refused) {
            refused(name.context("{}", options_.folder));
        }
    }
    if (names.size() <= kModelsMax) return names;
    return resource_exhausted("{}: has {} models, over the limit of {}; serve them in parts",
                              options_.folder, names.size(), kModelsMax);
}

Result<serve::ModelRepository::Load> RepositoryFolder::find(std::string_view name) {
    HF_TRY(check_model_name(name));
    const std::string folder = fmt::format("{}/{}", options_.folder, name);
    const Result<env::FileInfo> info = world_.files.info(folder);
    if (!info.ok() || !may_be_folder({std::string(), info->kind})) {
        return not_found("model '{}' is not served here, and there is no folder {}", name, folder);
    }
    std::unique_ptr<Model>& model = models_[std::string(name)];
    if (!model) model = std::make_unique<Model>(*this, std::string(name));
    return serve::ModelRepository::Load(
        [it = model.get()](const serve::Hosts& now) { return it->load(now); });
}

std::vector<RepositoryFolder::Served> RepositoryFolder::served(const std::string& name) const {
    const auto found = models_.find(name);
    return found == models_.end() ? std::vector<Served>() : found->second->served();
}

Result<RepositoryFolder::Look> RepositoryFolder::look_of(const std::string& name,
                                                         const std::set<std::string>& known) const {
    const std::string folder = fmt::format("{}/{}", options_.folder, name);
    const serve::VersionPolicy policy = options_.policies.of(name).value_or(serve::VersionPolicy());
    Look look;
    look.versions = HF_TRY(choose(world_, folder, policy)).wanted;
    for (const std::string& version : look.versions) {
        look.text += version + "\n";
        Listing listing{world_, !known.contains(version), std::move(look.text)};
        HF_TRY(listing.add(fmt::format("{}/{}", folder, version), 0));
        look.text = std::move(listing.text);
    }
    return look;
}

}  // namespace hf::cli
