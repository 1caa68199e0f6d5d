#include "vault/repository.h"

#include <set>

namespace hf::vault {
namespace {

constexpr int kMaxDepth = 4;  // of indexes in indexes, and of attachments to attachments

struct Name {
    std::string_view repository;
    std::string_view tag;
};

// nullopt for a name that no client of a registry could ask for.
std::optional<Name> name_of(const Descriptor& entry) {
    const std::string_view name = entry.annotation(std::string(kNameAnnotation));
    const std::size_t colon = name.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const Name parts{name.substr(0, colon), name.substr(colon + 1)};
    if (!is_repository_name(parts.repository) || !is_tag(parts.tag)) return std::nullopt;
    return parts;
}

bool is_manifest(const Descriptor& descriptor) {
    return descriptor.media_type == kManifestType || descriptor.media_type == kIndexType;
}

// Without the paths of this machine, which clients of a registry need not know.
Result<std::vector<Descriptor>> entries_of(const Vault& vault) {
    Result<std::vector<Descriptor>> entries = vault.list();
    if (entries.ok()) return entries;
    return data_loss(
        "the index cannot be read here; `holdfast vault check` on this registry's "
        "machine says why");
}

}  // namespace

Result<ManifestContents> read_contents(const Descriptor& entry, ByteView document) {
    ManifestContents contents;
    contents.size_bytes = document.size();
    for (Descriptor& child : HF_TRY(children_of(as_text(document)))) {
        if (is_manifest(child)) {
            contents.manifests.push_back(std::move(child));
        } else {
            contents.blobs.emplace(child.digest, child.size_bytes);
        }
    }
    const json::Value value = HF_TRY(json::parse(as_text(document), kMaxDocumentBytes));
    contents.media_type = json::get_string(value, "mediaType", entry.media_type);
    contents.artifact_type = json::get_string(value, "artifactType");
    const json::Value* config = json::find(value, "config");
    if (contents.artifact_type.empty() && config) {
        contents.artifact_type = json::get_string(*config, "mediaType");
    }
    if (const json::Value* subject = json::find(value, "subject")) {
        const Descriptor parsed = HF_TRY(parse_descriptor(*subject).context("subject"));
        contents.subject = parsed.digest;
    }
    if (const json::Object* annotations = json::find_object(value, "annotations")) {
        for (const auto& [key, text] : *annotations) {
            if (text.if_string()) contents.annotations[key] = json::as_view(*text.if_string());
        }
    }
    return contents;
}

std::optional<std::uint64_t> Repository::find_blob(const Digest& digest) const {
    for (const auto& [unused, contents] : manifests) {
        const auto found = contents->blobs.find(digest);
        if (found != contents->blobs.end()) return found->second;
    }
    return std::nullopt;
}

Result<std::vector<std::string>> Repositories::names() const {
    std::set<std::string> names;
    for (const Descriptor& entry : HF_TRY(entries_of(vault_))) {
        if (const std::optional<Name> name = name_of(entry)) names.emplace(name->repository);
    }
    return std::vector<std::string>(names.begin(), names.end());
}

Result<Repository> Repositories::find(std::string_view name) {
    Repository repository;
    std::vector<Descriptor> unnamed;
    for (const Descriptor& entry : HF_TRY(entries_of(vault_))) {
        const std::optional<Name> parts = name_of(entry);
        if (parts && parts->repository == name) {
            const auto tag = repository.tags.emplace(parts->tag, entry.digest).first;
            if (tag->second != entry.digest) {
                return invalid_argument("'{}:{}' means two manifests here; push it again", name,
                                        parts->tag);
            }
            add(entry, 0, repository);
        }
        if (entry.annotation(std::string(kNameAnnotation)).empty()) unnamed.push_back(entry);
    }
    if (repository.tags.empty()) return not_found("there is no repository '{}' here", name);
    add_attached(unnamed, repository);
    return repository;
}

std::shared_ptr<const ManifestContents> Repositories::contents_of(const Descriptor& entry) {
    {
        const MutexLock lock(mutex_);
        const auto found = cache_.find(entry.digest);
        if (found != cache_.end()) return found->second;
    }
    if (entry.size_bytes > kMaxDocumentBytes) return nullptr;
    const Result<std::shared_ptr<const env::MappedFile>> document =
        vault_.open_blob(entry, "manifest");
    if (!document.ok()) return nullptr;
    Result<ManifestContents> read = read_contents(entry, document.value()->bytes());
    if (!read.ok()) return nullptr;
    auto contents = std::make_shared<const ManifestContents>(std::move(read).value());
    const MutexLock lock(mutex_);
    const std::size_t blobs = contents->blobs.size() + contents->manifests.size() + 1;
    if (cached_blobs_ + blobs > cached_blobs_max_) {
        cache_.clear();
        cached_blobs_ = 0;
    }
    if (cache_.emplace(entry.digest, contents).second) cached_blobs_ += blobs;
    return contents;
}

void Repositories::add(const Descriptor& entry, int depth, Repository& out) {
    if (depth > kMaxDepth || out.manifests.contains(entry.digest)) return;
    const std::shared_ptr<const ManifestContents> contents = contents_of(entry);
    if (!contents) return;
    out.manifests.emplace(entry.digest, contents);
    for (const Descriptor& child : contents->manifests) add(child, depth + 1, out);
}

void Repositories::add_attached(const std::vector<Descriptor>& unnamed, Repository& out) {
    bool more = true;
    for (int depth = 0; more && depth < kMaxDepth; ++depth) {
        more = false;
        for (const Descriptor& entry : unnamed) {
            if (out.manifests.contains(entry.digest)) continue;
            const std::shared_ptr<const ManifestContents> contents = contents_of(entry);
            if (!contents || !contents->subject) continue;
            if (!out.manifests.contains(*contents->subject)) continue;
            add(entry, 0, out);
            more = true;
        }
    }
}

}  // namespace hf::vault
