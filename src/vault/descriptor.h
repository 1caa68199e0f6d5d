// Descriptor: how OCI points at a blob: media type, digest, size and annotations (image-spec 1.1,
// descriptor.md). Pure; values. Parsing is bounded and names the member that is wrong.

#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/json.h"
#include "base/status.h"

namespace hf::vault {

inline constexpr std::string_view kManifestType = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view kIndexType = "application/vnd.oci.image.index.v1+json";

// JSON documents that describe: manifests, indexes, configs.
inline constexpr std::uint64_t kMaxDocumentBytes = 4u << 20;

struct Descriptor {
    std::string media_type;
    Digest digest;
    std::uint64_t size_bytes = 0;
    std::map<std::string, std::string> annotations;

    // Empty when absent.
    std::string_view annotation(const std::string& key) const;

    friend bool operator==(const Descriptor&, const Descriptor&) = default;
};

Result<Descriptor> parse_descriptor(const json::Value& value);
json::Object write_descriptor(const Descriptor& descriptor);

// Every blob that a manifest or index names, in order: config, layers, manifests. INVALID_ARGUMENT
// when it is neither, or names more than kMaxChildren.
inline constexpr std::size_t kMaxChildren = 10'000;
Result<std::vector<Descriptor>> children_of(std::string_view document);

}  // namespace hf::vault
