#include "vault/vault.h"

#include <algorithm>

#include "base/text.h"
#include "vault/delta_store.h"

namespace hf::vault {
namespace {

constexpr std::string_view kLayoutFile = "oci-layout";
constexpr std::string_view kLayout = R"({"imageLayoutVersion":"1.0.0"})";
constexpr std::string_view kBlobs = "blobs/sha256";
constexpr std::string_view kOwnFolder = ".holdfast";  // locks; other tools do not look there
constexpr std::string_view kTemporaryMark = ".tmp-";  // as env::FileWriter names what it writes

std::string slot_name(int slot) {
    return fmt::format("push-{}.lock", slot);
}

std::string scratch_name(int slot) {
    return fmt::format("push-{}.scratch", slot);
}

// The name of a stored blob, or nullopt for anything else that lies in the folder.
std::optional<Digest> digest_of_file(std::string_view name) {
    Result<Digest> digest = Digest::parse("sha256:" + std::string(name));
    if (!digest.ok()) return std::nullopt;
    return *digest;
}

Result<std::vector<Descriptor>> parse_index(std::string_view text) {
    const json::Value index = HF_TRY(json::parse(text, kMaxDocumentBytes));
    if (json::get_int(index, "schemaVersion") != 2) {
        return invalid_argument("'schemaVersion' is not 2: not an OCI index");
    }
    const json::Array* manifests = json::find_array(index, "manifests");
    if (!manifests) return invalid_argument("there is no list 'manifests'");
    if (manifests->size() > kMaxReferences) {
        return resource_exhausted("{} manifests, more than {}", manifests->size(), kMaxReferences);
    }
    std::vector<Descriptor> entries;
    for (std::size_t i = 0; i < manifests->size(); ++i) {
        entries.push_back(HF_TRY(parse_descriptor((*manifests)[i]).context("manifests[{}]", i)));
    }
    return entries;
}

Status check_layout(env::Files& files, const std::string& folder) {
    const std::string path = fmt::format("{}/{}", folder, kLayoutFile);
    const Bytes bytes = HF_TRY(files.read(path, kMaxDocumentBytes));
    const json::Value layout = HF_TRY(json::parse(as_text(bytes)).context("{}", path));
    const std::string version =
        HF_TRY(json::need_string(layout, "imageLayoutVersion").context("{}", path));
    if (version != "1.0.0") {
        return unimplemented("{}: image layout version '{}'; this program knows 1.0.0", path,
                             version);
    }
    return {};
}

// Only an empty folder becomes a layout: one with other things in it was named by mistake.
Status check_unused(env::Files& files, const std::string& folder) {
    for (const env::DirectoryEntry& entry : HF_TRY(files.list(folder))) {
        const bool own = entry.name == kOwnFolder || entry.name == "blobs" ||
                         entry.name.starts_with(kLayoutFile) ||
                         entry.name.starts_with("index.json");
        if (!own) {
            return failed_precondition(
                "{} is not an OCI layout and holds '{}' already; name an empty or new folder",
                folder, entry.name);
        }
    }
    return {};
}

}  // namespace

Status BlobWriter::append(ByteView bytes) {
    if (bytes.size() > expected_.size_bytes - size_bytes_) {
        return resource_exhausted("blob {} is longer than the {} bytes announced",
                                  expected_.digest.to_string(), expected_.size_bytes);
    }
    HF_TRY(file_->append(bytes));
    hash_.update(bytes);
    size_bytes_ += bytes.size();
    return {};
}

Status BlobWriter::commit() {
    if (size_bytes_ != expected_.size_bytes) {
        return data_loss("blob {} ended after {} of {} bytes", expected_.digest.to_string(),
                         size_bytes_, expected_.size_bytes);
    }
    const Digest digest = hash_.finish();
    if (digest != expected_.digest) {
        return data_loss("blob {} came with other bytes: their digest is {}",
                         expected_.digest.to_string(), digest.to_string());
    }
    return file_->commit();
}

Result<Descriptor> Push::put(ByteView bytes, std::string_view media_type) {
    const Descriptor blob{std::string(media_type), crypto::sha256(bytes), bytes.size(), {}};
    if (has(blob)) return blob;
    const std::unique_ptr<BlobWriter> writer = HF_TRY(create(blob));
    HF_TRY(writer->append(bytes));
    HF_TRY(writer->commit());
    return blob;
}

bool Push::has(const Descriptor& blob) const {
    return vault_.open_blob(blob, "").ok();
}

Result<std::unique_ptr<BlobWriter>> Push::create(const Descriptor& expected) {
    std::unique_ptr<env::FileWriter> file =
        HF_TRY(vault_.files_.create(vault_.blob_path(expected.digest), env::Access::kShared));
    return std::unique_ptr<BlobWriter>(
        std::make_unique<BlobWriter>(BlobWriter(expected, std::move(file))));
}

Status Push::tag(const Descriptor& manifest, std::string_view name) {
    std::set<Digest> reachable;
    const Status complete = vault_.collect_reachable(manifest, 0, reachable);
    if (!complete.ok()) return complete.context("cannot name {} yet", manifest.digest.to_string());
    for (const Digest& digest : reachable) {
        if (vault_.holds(digest)) continue;
        return failed_precondition("manifest {} needs blob {}, which is not here",
                                   manifest.digest.to_string(), digest.to_string());
    }
    // A blob that was here already may be one that a killed push had no time to make durable.
    HF_TRY(vault_.files_.sync_folder(fmt::format("{}/{}", vault_.folder_, kBlobs)));
    const std::unique_ptr<env::FileLock> lock = HF_TRY(vault_.lock_index());
    std::vector<Descriptor> entries = HF_TRY(vault_.list());
    Descriptor entry = manifest;
    if (!name.empty()) entry.annotations[std::string(kNameAnnotation)] = name;
    std::erase_if(entries, [&](const Descriptor& old) {
        const std::string_view old_name = old.annotation(std::string(kNameAnnotation));
        return old_name.empty() ? old.digest == entry.digest : old_name == name;
    });
    if (entries.size() >= kMaxReferences) {
        return resource_exhausted("{} names {} manifests, the most it may; remove some",
                                  vault_.folder(), entries.size());
    }
    entries.push_back(std::move(entry));
    return vault_.write_index(entries);
}

std::string Push::scratch_path() const {
    return vault_.own_path(scratch_name(number_));
}

Result<std::unique_ptr<Vault>> Vault::open(env::Files& files, std::string folder) {
    std::unique_ptr<Vault> vault(std::make_unique<Vault>(Vault(files, std::move(folder))));
    HF_TRY(files.create_directories(fmt::format("{}/{}", vault->folder_, kBlobs)));
    const std::unique_ptr<env::FileLock> lock = HF_TRY(vault->lock_index());
    const std::string layout = fmt::format("{}/{}", vault->folder_, kLayoutFile);
    const std::string index = vault->folder_ + "/index.json";
    if (!files.exists(layout)) {
        HF_TRY(check_unused(files, vault->folder_));
        if (!files.exists(index)) HF_TRY(vault->write_index({}));
        HF_TRY(files.write(layout, as_bytes(kLayout)));
    }
    HF_TRY(check_layout(files, vault->folder_));
    return vault;
}

Result<std::unique_ptr<Vault>> Vault::open_existing(env::Files& files, std::string folder) {
    const Status layout = check_layout(files, folder);
    if (!layout.ok()) return layout.context("{} is not an OCI layout", folder);
    return std::unique_ptr<Vault>(std::make_unique<Vault>(Vault(files, std::move(folder))));
}

Result<std::vector<Descriptor>> Vault::list() const {
    const std::string path = folder_ + "/index.json";
    const Bytes bytes = HF_TRY(files_.read(path, kMaxDocumentBytes));
    return parse_index(as_text(bytes)).context("{}", path);
}

Result<Descriptor> Vault::resolve(const Reference& reference) const {
    const std::vector<Descriptor> entries = HF_TRY(list());
    std::optional<Descriptor> found;
    std::vector<std::string> names;
    for (const Descriptor& entry : entries) {
        const std::string name(entry.annotation(std::string(kNameAnnotation)));
        if (!name.empty()) names.push_back(name);
        const bool same =
            reference.digest ? entry.digest == *reference.digest : name == reference.local();
        if (!same) continue;
        if (found && found->digest != entry.digest) {
            return invalid_argument("{}/index.json gives '{}' twice, with different digests",
                                    folder_, name);
        }
        found = entry;
    }
    if (found) return *found;
    const std::string near = nearest(reference.local(), names);
    return not_found("{} has no model '{}'{}", folder_, reference.local(),
                     near.empty() ? std::string() : "; did you mean '" + near + "'?");
}

Result<std::shared_ptr<const env::MappedFile>> Vault::open_blob(const Digest& digest) const {
    std::shared_ptr<const env::MappedFile> file = HF_TRY(files_.map(blob_path(digest), true));
    const Digest real = crypto::sha256(file->bytes());
    if (real != digest) {
        return data_loss("{} holds other bytes than its name says; push or pull the model again",
                         blob_path(digest));
    }
    return file;
}

Result<std::shared_ptr<const env::MappedFile>> Vault::open_blob(const Descriptor& blob,
                                                                std::string_view what) const {
    std::shared_ptr<const env::MappedFile> file =
        HF_TRY(open_blob(blob.digest).context("{}", what));
    if (file->bytes().size() != blob.size_bytes) {
        return data_loss("{}: the manifest says {} bytes, blob {} has {}", what, blob.size_bytes,
                         blob.digest.to_string(), file->bytes().size());
    }
    return file;
}

bool Vault::holds(const Digest& digest) const {
    return files_.exists(blob_path(digest));
}

Result<std::unique_ptr<Push>> Vault::begin_push() {
    const std::unique_ptr<env::FileLock> lock = HF_TRY(lock_index());
    for (int slot = 0; slot < kMaxPushes; ++slot) {
        Result<std::unique_ptr<env::FileLock>> held = files_.lock(own_path(slot_name(slot)));
        if (held.ok()) {
            return std::unique_ptr<Push>(
                std::make_unique<Push>(Push(*this, slot, std::move(held).value())));
        }
        if (held.status().code() != Code::kUnavailable) return held.status();
    }
    return unavailable("{} pushes into {} are under way; wait for one to end", kMaxPushes, folder_);
}

Status Vault::untag(std::string_view name) {
    const std::unique_ptr<env::FileLock> lock = HF_TRY(lock_index());
    std::vector<Descriptor> entries = HF_TRY(list());
    const std::size_t removed = std::erase_if(entries, [&](const Descriptor& entry) {
        return entry.annotation(std::string(kNameAnnotation)) == name;
    });
    if (removed == 0) return not_found("{} has no model '{}'", folder_, name);
    return write_index(entries);
}

Result<std::size_t> Vault::forget_if(const std::function<bool(const Descriptor&)>& unwanted) {
    const std::unique_ptr<env::FileLock> lock = HF_TRY(lock_index());
    std::vector<Descriptor> entries = HF_TRY(list());
    const std::size_t removed = std::erase_if(entries, unwanted);
    if (removed > 0) HF_TRY(write_index(entries));
    return removed;
}

Result<GarbageReport> Vault::collect_garbage() {
    // Held to the end, so that no push begins meanwhile.
    const std::unique_ptr<env::FileLock> lock = HF_TRY(lock_index());
    GarbageReport report;
    for (int slot = 0; slot < kMaxPushes; ++slot) {
        if (!files_.exists(own_path(slot_name(slot)))) continue;
        const Result<std::unique_ptr<env::FileLock>> held = files_.lock(own_path(slot_name(slot)));
        if (!held.ok() && held.status().code() != Code::kUnavailable) return held.status();
        report.push_under_way = report.push_under_way || !held.ok();
    }
    std::set<Digest> reachable;
    for (const Descriptor& entry : HF_TRY(list())) {
        HF_TRY(collect_reachable(entry, 0, reachable));
    }
    if (report.push_under_way) {
        report.blobs_kept = reachable.size();
        return report;
    }
    HF_TRY(remove_unreached(reachable, report));
    HF_TRY(remove_temporaries(folder_, report));
    HF_TRY(remove_own_leavings(reachable, report));
    return report;
}

Result<CheckReport> Vault::check() const {
    CheckReport report;
    std::set<Digest> reachable;
    for (const Descriptor& entry : HF_TRY(list())) {
        ++report.references;
        const Status walked = collect_reachable(entry, 0, reachable);
        if (!walked.ok()) report.problems.emplace_back(walked.message());
    }
    for (const Digest& digest : reachable) {
        ++report.blobs;
        const Status sound = open_blob(digest).status();
        if (!sound.ok()) report.problems.emplace_back(sound.message());
    }
    return report;
}

std::string Vault::blob_path(const Digest& digest) const {
    return fmt::format("{}/{}/{}", folder_, kBlobs, digest.hex());
}

std::string Vault::own_path(std::string_view name) const {
    const std::string own = fmt::format("{}/{}", folder_, kOwnFolder);
    return name.empty() ? own : fmt::format("{}/{}", own, name);
}

Result<std::unique_ptr<env::FileLock>> Vault::lock_index() const {
    HF_TRY(files_.create_directories(own_path("")));
    return files_.lock_within(own_path("index.lock"), kIndexPatience);
}

Status Vault::write_index(const std::vector<Descriptor>& entries) {
    json::Array manifests;
    for (const Descriptor& entry : entries) manifests.push_back(write_descriptor(entry));
    const std::string text = json::write(json::Object{
        {"schemaVersion", 2}, {"mediaType", kIndexType}, {"manifests", std::move(manifests)}});
    if (text.size() > kMaxDocumentBytes) {
        return resource_exhausted("{}/index.json would have {}, more than {}", folder_,
                                  format_bytes(text.size()), format_bytes(kMaxDocumentBytes));
    }
    return files_.write(folder_ + "/index.json", as_bytes(text));
}

Status Vault::collect_reachable(const Descriptor& from, int depth, std::set<Digest>& out) const {
    constexpr int kMaxIndexDepth = 4;
    constexpr std::size_t kMaxReachable = 1'000'000;
    if (depth > kMaxIndexDepth) {
        return invalid_argument("{}: indexes nested deeper than {}", from.digest.to_string(),
                                kMaxIndexDepth);
    }
    if (out.size() > kMaxReachable) {
        return resource_exhausted("{} reaches more than {} blobs", folder_, kMaxReachable);
    }
    if (!out.insert(from.digest).second) return {};
    // What index.json names is a manifest, whatever its type is called.
    const bool leads_on =
        depth == 0 || from.media_type == kManifestType || from.media_type == kIndexType;
    if (!leads_on) return {};
    const std::string what = "manifest " + from.digest.to_string();
    if (from.size_bytes > kMaxDocumentBytes) {
        return resource_exhausted("{} has {}, more than {}", what, format_bytes(from.size_bytes),
                                  format_bytes(kMaxDocumentBytes));
    }
    const std::shared_ptr<const env::MappedFile> document = HF_TRY(open_blob(from, what));
    for (const Descriptor& child :
         HF_TRY(children_of(as_text(document->bytes())).context("{}", what))) {
        HF_TRY(collect_reachable(child, depth + 1, out));
    }
    return {};
}

Status Vault::remove_unreached(const std::set<Digest>& reachable, GarbageReport& report) {
    const std::string folder = fmt::format("{}/{}", folder_, kBlobs);
    for (const env::DirectoryEntry& entry : HF_TRY(files_.list(folder))) {
        const std::optional<Digest> digest = digest_of_file(entry.name);
        if (!digest) continue;
        if (reachable.contains(*digest)) {
            ++report.blobs_kept;
            continue;
        }
        const std::string path = folder + "/" + entry.name;
        report.bytes_removed += HF_TRY(files_.info(path)).size_bytes;
        HF_TRY(files_.remove(path));
        ++report.blobs_removed;
    }
    return remove_temporaries(folder, report);
}

// Of pushes that were killed; and deltas that hold content of what is gone.
Status Vault::remove_own_leavings(const std::set<Digest>& reachable, GarbageReport& report) {
    const auto remove = [&](const std::string& path) -> Status {
        report.bytes_removed += HF_TRY(files_.info(path)).size_bytes;
        HF_TRY(files_.remove(path));
        ++report.temporaries_removed;
        return {};
    };
    HF_TRY(remove_temporaries(own_path(""), report));
    for (int slot = 0; slot < kMaxPushes; ++slot) {
        const std::string scratch = own_path(scratch_name(slot));
        if (files_.exists(scratch)) HF_TRY(remove(scratch));
    }
    const std::string deltas = own_path(kDeltasFolder);
    if (!files_.exists(deltas)) return {};
    for (const env::DirectoryEntry& entry : HF_TRY(files_.list(deltas))) {
        const std::optional<DeltaName> name = DeltaName::parse(entry.name);
        if (!name || (reachable.contains(name->base) && reachable.contains(name->result))) continue;
        HF_TRY(remove(deltas + "/" + entry.name));
    }
    return {};
}

Status Vault::remove_temporaries(const std::string& folder, GarbageReport& report) {
    for (const env::DirectoryEntry& entry : HF_TRY(files_.list(folder))) {
        const bool temporary = entry.kind == env::FileKind::kRegular &&
                               entry.name.find(kTemporaryMark) != std::string::npos;
        if (!temporary) continue;
        HF_TRY(files_.remove(folder + "/" + entry.name));
        ++report.temporaries_removed;
    }
    return {};
}

}  // namespace hf::vault
