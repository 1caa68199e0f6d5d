// What requests to a registry ask for and what its answers say: paths, ranges, Accept, pages and
// errors of the OCI distribution specification 1.1 (spec.md, "Endpoints", "Error Codes"), and the
// one path that Holdfast adds: deltas.
//
// Pure; values. Whatever a client sends is bounded by the server's limits on headers; an error
// names what is wrong with it.

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/status.h"
#include "http/message.h"

namespace hf::vault {

enum class RegistryObject : unsigned char {
    kBase,       // /v2/: is this a registry, and am I known there?
    kCatalog,    // /v2/_catalog
    kManifest,   // /v2/<name>/manifests/<tag or digest>
    kBlob,       // /v2/<name>/blobs/<digest>
    kUpload,     // /v2/<name>/blobs/uploads/...
    kTags,       // /v2/<name>/tags/list
    kReferrers,  // /v2/<name>/referrers/<digest>
    kDelta,      // /v2/<name>/deltas/<digest of the base>/<digest of the result>
};

struct RegistryRequest {
    RegistryObject object = RegistryObject::kBase;
    std::string name;              // of the repository; empty for kBase and kCatalog
    std::string tag;               // of kManifest, when it is not asked for by digest
    std::optional<Digest> digest;  // of the result, of kDelta
    std::optional<Digest> base;    // of kDelta

    friend bool operator==(const RegistryRequest&, const RegistryRequest&) = default;
};

// An error as the specification's clients read it; `code` is one of its error codes.
struct RegistryError {
    int status = 400;
    std::string code;
    std::string message;

    http::Response response() const;

    friend bool operator==(const RegistryError&, const RegistryError&) = default;
};

// NOT_FOUND and its like as the specification says it: `unknown` is the code of what was not found.
RegistryError registry_error(const Status& status, std::string_view unknown);

// Either of both.
struct RegistryPath {
    RegistryRequest request;
    std::optional<RegistryError> error;
};

// `rest`: what follows "/v2/" in a decoded path. Read from its end, for a name may have parts such
// as "blobs" too.
RegistryPath parse_registry_path(std::string_view rest);

// A part of a blob.
struct ByteRange {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;

    friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

// What a Range header (RFC 9110, 14.1.2) asks of `size` bytes; nullopt, which means all, when it is
// empty, malformed or in other units, as the RFC has it. OUT_OF_RANGE when it begins beyond the
// end, and for several ranges, which no client of registries needs.
Result<std::optional<ByteRange>> parse_range(std::string_view header, std::uint64_t size);

// Whether the Accept headers allow `media_type`; without any, all are allowed.
bool accepts(const http::Headers& headers, std::string_view media_type);

// The page of a list, sorted, that ?n=COUNT&last=NAME asks for. INVALID_ARGUMENT when n is no
// count.
struct Page {
    std::vector<std::string> entries;
    bool more = false;
};
Result<Page> page_of(std::vector<std::string> entries, const http::Request& request);

// The value of the Link header that leads to the page behind `page`, at `path`.
std::string link_to_next(const Page& page, std::string_view path);

}  // namespace hf::vault
