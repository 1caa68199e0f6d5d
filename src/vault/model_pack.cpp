#include "vault/model_pack.h"

#include <algorithm>
#include <set>

#include "base/text.h"

namespace hf::vault {
namespace {

constexpr std::size_t kMaxPathBytes = 1024;
constexpr std::string_view kTitleAnnotation = "org.opencontainers.image.title";

Descriptor layer_of(const PackedFile& file, bool entry) {
    Descriptor layer{file.media_type, file.digest, file.size_bytes, {}};
    layer.annotations[std::string(kPathAnnotation)] = file.path;
    if (entry) layer.annotations[std::string(kEntryAnnotation)] = "true";
    return layer;
}

bool is_model_layer(std::string_view media_type) {
    return media_type.starts_with("application/vnd.cncf.model.");
}

Status check_raw(const Descriptor& layer) {
    if (layer.media_type.find(".tar") == std::string::npos) return {};
    return unimplemented(
        "layer {} is an archive ({}); pack the model again with one file a layer (type '.raw')",
        layer.digest.to_string(), layer.media_type);
}

Result<PackedFile> file_of(const Descriptor& layer) {
    HF_TRY(check_raw(layer));
    std::string_view path = layer.annotation(std::string(kPathAnnotation));
    if (path.empty()) path = layer.annotation(std::string(kTitleAnnotation));
    if (!is_model_path(path)) {
        return invalid_argument("layer {}: '{}' ({}) is not a path below the model's folder",
                                layer.digest.to_string(), path, kPathAnnotation);
    }
    return PackedFile{std::string(path), layer.media_type, layer.digest, layer.size_bytes};
}

// Refuses two files of one path, and a path that another one needs as a folder.
Status check_paths(const std::vector<PackedFile>& files) {
    std::set<std::string> paths;
    for (const PackedFile& file : files) {
        if (!paths.insert(file.path).second) {
            return invalid_argument("two layers hold '{}'", file.path);
        }
    }
    for (const std::string& path : paths) {
        for (std::size_t at = path.find('/'); at != std::string::npos;
             at = path.find('/', at + 1)) {
            if (!paths.contains(path.substr(0, at))) continue;
            return invalid_argument("'{}' is a file and the folder of '{}'", path.substr(0, at),
                                    path);
        }
    }
    return {};
}

Status set_once(std::optional<Descriptor>& place, const Descriptor& layer) {
    if (place) return invalid_argument("two layers of type {}", layer.media_type);
    place = layer;
    return {};
}

Status read_layer(const Descriptor& layer, PackedModel& model) {
    if (layer.media_type == kGoldenType) return set_once(model.golden, layer);
    if (layer.media_type == kSignatureType) return set_once(model.signature, layer);
    if (!is_model_layer(layer.media_type)) {
        return invalid_argument("layer {} has type {}, which is no part of a model",
                                layer.digest.to_string(), layer.media_type);
    }
    if (model.files.size() >= kMaxFiles) {
        return resource_exhausted("more than {} files", kMaxFiles);
    }
    model.files.push_back(HF_TRY(file_of(layer)));
    if (layer.annotation(std::string(kEntryAnnotation)) == "true") {
        if (!model.entry.empty()) {
            return invalid_argument("both '{}' and '{}' are marked as the model", model.entry,
                                    model.files.back().path);
        }
        model.entry = model.files.back().path;
    }
    return {};
}

// Others do not mark the model; where only one layer holds weights, that is it.
std::string only_weight(const std::vector<PackedFile>& files) {
    std::string found;
    for (const PackedFile& file : files) {
        if (!file.media_type.starts_with("application/vnd.cncf.model.weight.v1.")) continue;
        if (!found.empty()) return {};
        found = file.path;
    }
    return found;
}

}  // namespace

bool is_model_path(std::string_view path) {
    if (path.empty() || path.size() > kMaxPathBytes || !is_utf8(path)) return false;
    const auto forbidden = [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '\\';
    };
    if (std::any_of(path.begin(), path.end(), forbidden)) return false;
    const std::vector<std::string_view> parts = split(path, '/');
    return std::none_of(parts.begin(), parts.end(), [](std::string_view part) {
        return part.empty() || part == "." || part == "..";
    });
}

ModelDocuments pack_model(const PackedModel& model) {
    json::Array layers;
    json::Array diff_ids;
    const auto add = [&](const Descriptor& layer) {
        layers.push_back(write_descriptor(layer));
        diff_ids.emplace_back(layer.digest.to_string());
    };
    for (const PackedFile& file : model.files) add(layer_of(file, file.path == model.entry));
    if (model.golden) add(*model.golden);
    if (model.signature) add(*model.signature);

    ModelDocuments documents;
    documents.config = json::write(json::Object{
        {"descriptor", json::Object{{"name", model.name}}},
        {"config", json::Object{{"format", model.format}}},
        {"modelfs", json::Object{{"type", "layers"}, {"diffIds", std::move(diff_ids)}}}});
    const Descriptor config{std::string(kConfigType),
                            crypto::sha256(as_bytes(documents.config)),
                            documents.config.size(),
                            {}};
    documents.manifest = json::write(json::Object{{"schemaVersion", 2},
                                                  {"mediaType", kManifestType},
                                                  {"artifactType", kModelType},
                                                  {"config", write_descriptor(config)},
                                                  {"layers", std::move(layers)}});
    return documents;
}

Result<PackedModel> parse_model(const Digest& digest, ByteView bytes) {
    const std::string where = "manifest " + digest.to_string();
    const json::Value manifest =
        HF_TRY(json::parse(as_text(bytes), kMaxDocumentBytes).context("{}", where));
    if (json::get_string(manifest, "artifactType") != kModelType) {
        return invalid_argument("{} is not a model: its artifactType is '{}', want {}", where,
                                json::get_string(manifest, "artifactType"), kModelType);
    }
    const json::Array* layers = json::find_array(manifest, "layers");
    if (!layers) return invalid_argument("{} has no list 'layers'", where);
    PackedModel model;
    model.manifest = digest;
    for (std::size_t i = 0; i < layers->size(); ++i) {
        const Descriptor layer =
            HF_TRY(parse_descriptor((*layers)[i]).context("{}: layers[{}]", where, i));
        HF_TRY(read_layer(layer, model).context("{}", where));
    }
    if (model.files.empty()) return invalid_argument("{} holds no file", where);
    HF_TRY(check_paths(model.files).context("{}", where));
    if (model.entry.empty()) model.entry = only_weight(model.files);
    return model;
}

Result<PackedModel> read_model(const Vault& vault, const Reference& reference) {
    const Descriptor found = HF_TRY(vault.resolve(reference));
    if (found.size_bytes > kMaxDocumentBytes) {
        return resource_exhausted("manifest {} has {}, more than {}", found.digest.to_string(),
                                  format_bytes(found.size_bytes), format_bytes(kMaxDocumentBytes));
    }
    const std::shared_ptr<const env::MappedFile> bytes =
        HF_TRY(vault.open_blob(found, "manifest of " + reference.local()));
    PackedModel model = HF_TRY(parse_model(found.digest, bytes->bytes()));
    const std::vector<Descriptor> children = HF_TRY(children_of(as_text(bytes->bytes())));
    const Descriptor& config = children.front();
    if (config.media_type != kConfigType || config.size_bytes > kMaxDocumentBytes) return model;
    const std::shared_ptr<const env::MappedFile> text =
        HF_TRY(vault.open_blob(config, "config of " + reference.local()));
    const json::Value parsed =
        HF_TRY(json::parse(as_text(text->bytes())).context("config of {}", reference.local()));
    if (const json::Value* name = json::find_path(parsed, {"descriptor"})) {
        model.name = json::get_string(*name, "name");
    }
    if (const json::Value* details = json::find_path(parsed, {"config"})) {
        model.format = json::get_string(*details, "format");
    }
    return model;
}

std::shared_ptr<const env::MappedFile> OpenModel::find(std::string_view path) const {
    for (const OpenFile& file : files) {
        if (file.path == path) return file.map;
    }
    return nullptr;
}

Result<OpenModel> open_model(const Vault& vault, const PackedModel& model) {
    OpenModel open;
    for (const PackedFile& file : model.files) {
        const Descriptor blob{file.media_type, file.digest, file.size_bytes, {}};
        auto map = HF_TRY(vault.open_blob(blob, file.path));
        open.files.push_back({file.path, std::move(map)});
    }
    return open;
}

Status materialise(const OpenModel& model, env::Files& files, const std::string& folder) {
    if (files.exists(folder)) {
        const std::vector<env::DirectoryEntry> old = HF_TRY(files.list(folder));
        if (!old.empty()) {
            return already_exists("{} holds '{}' already; name an empty or new folder", folder,
                                  old.front().name);
        }
    }
    const auto write_all = [&](std::vector<std::string>& written) -> Status {
        HF_TRY(files.create_directories(folder));
        for (const OpenFile& file : model.files) {
            const std::string path = folder + "/" + file.path;
            const std::size_t slash = path.rfind('/');
            HF_TRY(files.create_directories(path.substr(0, slash)));
            written.push_back(path);
            HF_TRY(files.write(path, file.map->bytes()));
        }
        return {};
    };
    std::vector<std::string> written;
    Status status = write_all(written);
    if (!status.ok()) {
        // Best effort: the error that the caller gets is the one that matters.
        for (const std::string& path : written) static_cast<void>(files.remove(path));
    }
    return status;
}

}  // namespace hf::vault
