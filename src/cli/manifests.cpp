#include "cli/manifests.h"

#include "api/yaml.h"

namespace hf::cli {
namespace {

Result<Manifest> to_manifest(json::Value value, const std::string& default_namespace) {
    Manifest manifest;
    manifest.object = HF_TRY(api::Object::from_json(std::move(value)));
    const api::Object& object = manifest.object;
    if (object.api_version() != api::kApiVersion) {
        return invalid_argument("apiVersion: '{}' is not known here; want {}", object.api_version(),
                                api::kApiVersion);
    }
    manifest.kind = HF_TRY(api::find_kind_by_any_name(object.kind()));
    if (object.name().empty()) return invalid_argument("metadata.name: must be given");
    if (manifest.kind->namespaced && object.ns().empty()) {
        manifest.object.edit_metadata()["namespace"] = default_namespace;
    }
    return manifest;
}

Status add_document(json::Value document, const std::string& default_namespace,
                    std::vector<Manifest>& manifests) {
    const json::Array* items = json::find_array(document, "items");
    if (!items || !json::get_string(document, "kind").ends_with("List")) {
        manifests.push_back(HF_TRY(to_manifest(std::move(document), default_namespace)));
        return {};
    }
    for (std::size_t i = 0; i < items->size(); ++i) {
        manifests.push_back(
            HF_TRY(to_manifest((*items)[i], default_namespace).context("item {}", i + 1)));
    }
    return {};
}

}  // namespace

Result<std::vector<Manifest>> read_manifests(World& world, const std::vector<std::string>& files,
                                             const std::string& default_namespace) {
    std::vector<Manifest> manifests;
    for (const std::string& file : files) {
        const std::string shown = file == "-" ? "standard input" : file;
        const Bytes bytes = file == "-" ? HF_TRY(world.in(api::kMaxYamlBytes))
                                        : HF_TRY(world.files.read(file, api::kMaxYamlBytes));
        const std::vector<json::Value> documents =
            HF_TRY(api::parse_yaml_documents(as_text(bytes)).context("{}", shown));
        for (std::size_t i = 0; i < documents.size(); ++i) {
            const std::string source =
                documents.size() == 1 ? shown : fmt::format("{}, document {}", shown, i + 1);
            const std::size_t first = manifests.size();
            HF_TRY(add_document(documents[i], default_namespace, manifests).context("{}", source));
            for (std::size_t at = first; at < manifests.size(); ++at) {
                manifests[at].source = source;
            }
        }
    }
    if (manifests.empty()) return invalid_argument("there is no resource in what -f names");
    return manifests;
}

}  // namespace hf::cli
