// A model as an OCI artifact: the CNCF ModelPack manifest and config
// (modelpack/model-spec: docs/spec.md, docs/config.md), one uncompressed layer a file, so that
// blobs can be mapped, shared between versions and read in ranges.
//
// Beside the model's files a manifest holds two layers of other types: golden inputs and outputs,
// and an OpenSSF Model Signing bundle. The bundle is a layer and not a referrer because it signs
// the files and not the manifest, and because a layer travels with every copy to every registry,
// also those without a referrers API.
//
// Packing is deterministic: equal content gives an equal manifest digest; there is no time in it.
// Pure, but for open_model and materialise, which read a Vault. Thread-safety: values.

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "env/files.h"
#include "vault/descriptor.h"
#include "vault/vault.h"

namespace hf::vault {

inline constexpr std::string_view kModelType = "application/vnd.cncf.model.manifest.v1+json";
inline constexpr std::string_view kConfigType = "application/vnd.cncf.model.config.v1+json";
inline constexpr std::string_view kWeightType = "application/vnd.cncf.model.weight.v1.raw";
inline constexpr std::string_view kWeightConfigType =
    "application/vnd.cncf.model.weight.config.v1.raw";
inline constexpr std::string_view kDocType = "application/vnd.cncf.model.doc.v1.raw";
inline constexpr std::string_view kGoldenType = "application/vnd.holdfast.golden.v1+json";
inline constexpr std::string_view kSignatureType = "application/vnd.dev.sigstore.bundle.v0.3+json";

inline constexpr std::string_view kPathAnnotation = "org.cncf.model.filepath";

// On the layer of the one file that is loaded; the others are its external data and documents.
inline constexpr std::string_view kEntryAnnotation = "dev.holdfast.model.entry";

inline constexpr std::size_t kMaxFiles = 1'000;

struct PackedFile {
    std::string path;  // below the model's folder, with "/"
    std::string media_type;
    Digest digest;
    std::uint64_t size_bytes = 0;
    friend bool operator==(const PackedFile&, const PackedFile&) = default;
};

struct PackedModel {
    Digest manifest;
    std::string name;    // as the config says; informational
    std::string format;  // "onnx", "tflite", "safetensors"; informational: judge by content
    std::string entry;   // the path of the file to load; empty when the manifest does not tell
    std::vector<PackedFile> files;  // in the manifest's order
    std::optional<Descriptor> signature;
    std::optional<Descriptor> golden;
};

// What to write into a manifest; `manifest` of the model is ignored.
struct ModelDocuments {
    std::string config;
    std::string manifest;
};
ModelDocuments pack_model(const PackedModel& model);

// INVALID_ARGUMENT for what is not a ModelPack manifest, a path that leaves the folder, two files
// of one path; UNIMPLEMENTED for archived layers (".tar", ".tar+gzip").
Result<PackedModel> parse_model(const Digest& digest, ByteView manifest);

// Resolves, reads and parses; the config too.
Result<PackedModel> read_model(const Vault& vault, const Reference& reference);

// A model opened in place. Files stay mapped while a pointer lives.
struct OpenFile {
    std::string path;
    std::shared_ptr<const env::MappedFile> map;
};
struct OpenModel {
    std::vector<OpenFile> files;

    // nullptr when there is no such file.
    std::shared_ptr<const env::MappedFile> find(std::string_view path) const;
};

// Opens and verifies every file. DATA_LOSS or NOT_FOUND name the file.
Result<OpenModel> open_model(const Vault& vault, const PackedModel& model);

// Writes the files below `folder`, which must be empty or absent. Everything is verified before the
// first byte is written; after an error no file is left.
Status materialise(const OpenModel& model, env::Files& files, const std::string& folder);

// Relative, "/" between parts, UTF-8, no empty part, no "." or "..", no "\" and no control
// characters.
bool is_model_path(std::string_view path);

}  // namespace hf::vault
