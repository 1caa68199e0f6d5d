#include "vault/descriptor.h"

namespace hf::vault {
namespace {

constexpr std::size_t kMaxMediaTypeBytes = 255;
constexpr std::size_t kMaxAnnotations = 256;

Result<std::map<std::string, std::string>> parse_annotations(const json::Object& object) {
    if (object.size() > kMaxAnnotations) {
        return invalid_argument("more than {} annotations", kMaxAnnotations);
    }
    std::map<std::string, std::string> annotations;
    for (const auto& [key, value] : object) {
        const std::string name(key.data(), key.size());
        if (!value.if_string()) return invalid_argument("annotation '{}' is not text", name);
        annotations[name] = json::as_view(*value.if_string());
    }
    return annotations;
}

Status append_list(const json::Value& document, std::string_view key,
                   std::vector<Descriptor>& out) {
    const json::Array* list = json::find_array(document, key);
    if (!list) return {};
    if (list->size() > kMaxChildren) {
        return invalid_argument("'{}' has {} entries, more than {}", key, list->size(),
                                kMaxChildren);
    }
    for (std::size_t i = 0; i < list->size(); ++i) {
        out.push_back(HF_TRY(parse_descriptor((*list)[i]).context("{}[{}]", key, i)));
    }
    return {};
}

}  // namespace

std::string_view Descriptor::annotation(const std::string& key) const {
    const auto found = annotations.find(key);
    return found == annotations.end() ? std::string_view() : found->second;
}

Result<Descriptor> parse_descriptor(const json::Value& value) {
    Descriptor descriptor;
    descriptor.media_type = HF_TRY(json::need_string(value, "mediaType"));
    if (descriptor.media_type.empty() || descriptor.media_type.size() > kMaxMediaTypeBytes) {
        return invalid_argument("'mediaType' has {} bytes", descriptor.media_type.size());
    }
    const std::string digest = HF_TRY(json::need_string(value, "digest"));
    descriptor.digest = HF_TRY(Digest::parse(digest));
    const std::int64_t size = HF_TRY(json::need_int(value, "size"));
    if (size < 0) return invalid_argument("'size' is {}", size);
    descriptor.size_bytes = static_cast<std::uint64_t>(size);
    if (json::find(value, "annotations")) {
        const json::Object* annotations = json::find_object(value, "annotations");
        if (!annotations) return invalid_argument("'annotations' is not an object");
        descriptor.annotations = HF_TRY(parse_annotations(*annotations));
    }
    return descriptor;
}

json::Object write_descriptor(const Descriptor& descriptor) {
    json::Object object{{"mediaType", descriptor.media_type},
                        {"digest", descriptor.digest.to_string()},
                        {"size", descriptor.size_bytes}};
    if (!descriptor.annotations.empty()) {
        json::Object annotations;
        for (const auto& [key, value] : descriptor.annotations) annotations[key] = value;
        object["annotations"] = std::move(annotations);
    }
    return object;
}

Result<std::vector<Descriptor>> children_of(std::string_view text) {
    const json::Value document = HF_TRY(json::parse(text, kMaxDocumentBytes));
    if (json::get_int(document, "schemaVersion") != 2) {
        return invalid_argument("'schemaVersion' is not 2: not an OCI manifest or index");
    }
    std::vector<Descriptor> children;
    if (const json::Value* config = json::find(document, "config")) {
        children.push_back(HF_TRY(parse_descriptor(*config).context("config")));
    }
    HF_TRY(append_list(document, "layers", children));
    HF_TRY(append_list(document, "manifests", children));
    return children;
}

}  // namespace hf::vault
