#include "vault/registry_server.h"

#include <algorithm>

#include "base/json.h"
#include "base/text.h"

namespace hf::vault {
namespace {

constexpr std::string_view kBytesType = "application/octet-stream";

http::Response refuse(int status, std::string_view code, std::string message) {
    return RegistryError{status, std::string(code), std::move(message)}.response();
}

// A stretch of a mapped file, in pieces. Never waits for anybody, so it needs no wake.
class MappedStream final : public http::BodyStream {
public:
    MappedStream(std::shared_ptr<const env::MappedFile> file, const ByteRange& range)
        : file_(std::move(file)), left_(file_->bytes().subspan(range.offset, range.size)) {}

    void start(std::function<void()>) override {}

    std::optional<Bytes> next() override {
        if (left_.empty()) return std::nullopt;
        const ByteView piece = left_.first(std::min(left_.size(), kBlobPieceBytes));
        left_ = left_.subspan(piece.size());
        return Bytes(piece.begin(), piece.end());
    }

private:
    std::shared_ptr<const env::MappedFile> file_;
    ByteView left_;
};

// A range only counts for GET, and only while the client means the same bytes (If-Range).
std::string_view range_of(const http::Request& request, std::string_view etag) {
    const std::optional<std::string_view> condition = request.headers.get("If-Range");
    if (request.method != "GET" || (condition && *condition != etag)) return {};
    return request.headers.get("Range").value_or("");
}

// All of the file, or the range of it that was asked for.
http::Response send_file(const http::Request& request,
                         const std::shared_ptr<const env::MappedFile>& file,
                         const std::string& etag) {
    const std::uint64_t size = file->bytes().size();
    const Result<std::optional<ByteRange>> wanted = parse_range(range_of(request, etag), size);
    if (!wanted.ok()) {
        http::Response response =
            refuse(416, "SIZE_INVALID", std::string(wanted.status().message()));
        response.headers.set("Content-Range", fmt::format("bytes */{}", size));
        return response;
    }
    const ByteRange range = wanted->value_or(ByteRange{0, size});
    http::Response response;
    response.headers.set("Content-Type", std::string(kBytesType));
    response.headers.set("Content-Length", std::to_string(range.size));
    response.headers.set("Accept-Ranges", "bytes");
    response.headers.set("ETag", etag);
    if (*wanted) {
        response.status = 206;
        response.headers.set("Content-Range", fmt::format("bytes {}-{}/{}", range.offset,
                                                          range.offset + range.size - 1, size));
    }
    response.stream = std::make_shared<MappedStream>(file, range);
    return response;
}

std::string quoted(std::string_view text) {
    return fmt::format("\"{}\"", text);
}

http::Response list_page(const http::Request& request, std::vector<std::string> entries,
                         json::Object body, std::string_view member) {
    const Result<Page> page = page_of(std::move(entries), request);
    if (!page.ok()) {
        return refuse(400, "PAGINATION_NUMBER_INVALID", std::string(page.status().message()));
    }
    json::Array list;
    for (const std::string& entry : page->entries) list.emplace_back(entry);
    body[member] = std::move(list);
    http::Response response = http::Response::json(200, json::write(body) + "\n");
    if (page->more) response.headers.set("Link", link_to_next(*page, request.path));
    return response;
}

json::Object describe(const Digest& digest, const ManifestContents& contents) {
    Descriptor descriptor{contents.media_type, digest, contents.size_bytes, contents.annotations};
    json::Object object = write_descriptor(descriptor);
    if (!contents.artifact_type.empty()) object["artifactType"] = contents.artifact_type;
    return object;
}

Status unknown_manifest(const RegistryRequest& what) {
    return not_found("repository '{}' has no manifest '{}'", what.name,
                     what.digest ? what.digest->to_string() : what.tag);
}

Status unknown_blob(const RegistryRequest& what, const Digest& digest) {
    return not_found("no manifest of repository '{}' names blob {}", what.name, digest.to_string());
}

// Without the paths of this machine, which are nobody else's business.
Status unsound(const Digest& digest, const Status& status) {
    const std::string_view cure = "push or pull the model again on this registry's machine";
    if (status.code() == Code::kNotFound) {
        return not_found("blob {} is missing here; {}", digest.to_string(), cure);
    }
    return data_loss("blob {} cannot be read here; {}", digest.to_string(), cure);
}

}  // namespace

RegistryServer::RegistryServer(Vault& vault, RegistryServerOptions options)
    : vault_(vault),
      options_(std::move(options)),
      repositories_(vault),
      deltas_(vault.files(), vault.own_path(kDeltasFolder), options_.deltas) {}

http::Response RegistryServer::answer(const http::Request& request) {
    if (request.method != "GET" && request.method != "HEAD") {
        http::Response response =
            refuse(405, "UNSUPPORTED",
                   "this registry is for reading; bring models in with `holdfast push` or "
                   "`holdfast pull` on its machine");
        response.headers.set("Allow", "GET, HEAD");
        return response;
    }
    const RegistryPath path = parse_registry_path(request.path_parameter("rest"));
    if (path.error) return path.error->response();
    const Status allowed = may_read(request, path.request);
    return allowed.ok() ? answer(request, path.request) : refuse_reader(allowed);
}

http::Response RegistryServer::answer(const http::Request& request, const RegistryRequest& what) {
    switch (what.object) {
        case RegistryObject::kBase: {
            http::Response response = http::Response::json(200, "{}\n");
            response.headers.set("Docker-Distribution-Api-Version", "registry/2.0");
            return response;
        }
        case RegistryObject::kCatalog: return catalog(request);
        case RegistryObject::kManifest: return manifest(request, what);
        case RegistryObject::kBlob: return blob(request, what);
        case RegistryObject::kUpload:
            return refuse(404, "BLOB_UPLOAD_UNKNOWN", "this registry takes no uploads");
        case RegistryObject::kTags: return tags(request, what);
        case RegistryObject::kReferrers: return referrers(request, what);
        case RegistryObject::kDelta: return delta(request, what);
    }
    return refuse(500, "UNKNOWN", "no answer is known to this request");
}

Status RegistryServer::may_read(const http::Request& request, const RegistryRequest& what) const {
    return options_.may_read ? options_.may_read(request, what) : Status();
}

http::Response RegistryServer::refuse_reader(const Status& status) const {
    http::Response response = registry_error(status, "NAME_UNKNOWN").response();
    if (status.code() == Code::kUnauthenticated) {
        response.headers.set("WWW-Authenticate", fmt::format("Basic realm=\"{}\"", options_.realm));
    }
    return response;
}

http::Response RegistryServer::catalog(const http::Request& request) {
    Result<std::vector<std::string>> names = repositories_.names();
    if (!names.ok()) return registry_error(names.status(), "NAME_UNKNOWN").response();
    std::erase_if(*names, [&](const std::string& name) {
        RegistryRequest tags;
        tags.object = RegistryObject::kTags;
        tags.name = name;
        return !may_read(request, tags).ok();
    });
    return list_page(request, std::move(names).value(), {}, "repositories");
}

http::Response RegistryServer::tags(const http::Request& request, const RegistryRequest& what) {
    const Result<Repository> repository = repositories_.find(what.name);
    if (!repository.ok()) return registry_error(repository.status(), "NAME_UNKNOWN").response();
    std::vector<std::string> tags;
    for (const auto& [tag, unused] : repository->tags) tags.push_back(tag);
    return list_page(request, std::move(tags), {{"name", what.name}}, "tags");
}

http::Response RegistryServer::manifest(const http::Request& request, const RegistryRequest& what) {
    const Result<Repository> repository = repositories_.find(what.name);
    if (!repository.ok()) return registry_error(repository.status(), "NAME_UNKNOWN").response();
    std::optional<Digest> digest = what.digest;
    if (!digest) {
        const auto tag = repository->tags.find(what.tag);
        if (tag != repository->tags.end()) digest = tag->second;
    }
    const bool tagged = !what.digest && digest;
    const auto found = digest ? repository->manifests.find(*digest) : repository->manifests.end();
    if (found == repository->manifests.end() && tagged) {
        return refuse(500, "MANIFEST_INVALID",
                      fmt::format("manifest {} of {}:{} is damaged or missing; push or pull the "
                                  "model again on this registry's machine",
                                  digest->to_string(), what.name, what.tag));
    }
    if (found == repository->manifests.end()) {
        return registry_error(unknown_manifest(what), "MANIFEST_UNKNOWN").response();
    }
    const ManifestContents& contents = *found->second;
    if (!accepts(request.headers, contents.media_type)) {
        return refuse(404, "MANIFEST_UNKNOWN",
                      fmt::format("manifest {} is of type {}, which the request does not accept",
                                  digest->to_string(), contents.media_type));
    }
    const Result<std::shared_ptr<const env::MappedFile>> file = open(*digest);
    if (!file.ok()) return registry_error(file.status(), "MANIFEST_UNKNOWN").response();
    http::Response response;
    response.headers.set("Content-Type", contents.media_type);
    response.headers.set("Docker-Content-Digest", digest->to_string());
    response.headers.set("ETag", quoted(digest->to_string()));
    const ByteView bytes = file.value()->bytes();
    response.body.assign(bytes.begin(), bytes.end());
    return response;
}

http::Response RegistryServer::blob(const http::Request& request, const RegistryRequest& what) {
    const Result<Repository> repository = repositories_.find(what.name);
    if (!repository.ok()) return registry_error(repository.status(), "NAME_UNKNOWN").response();
    const Digest digest = *what.digest;
    if (!repository->find_blob(digest)) {
        return registry_error(unknown_blob(what, digest), "BLOB_UNKNOWN").response();
    }
    const Result<std::shared_ptr<const env::MappedFile>> file = open(digest);
    if (!file.ok()) return registry_error(file.status(), "BLOB_UNKNOWN").response();
    http::Response response = send_file(request, file.value(), quoted(digest.to_string()));
    if (response.status < 300) {
        response.headers.set("Docker-Content-Digest", digest.to_string());
    }
    return response;
}

http::Response RegistryServer::referrers(const http::Request& request,
                                         const RegistryRequest& what) {
    const Result<Repository> repository = repositories_.find(what.name);
    if (!repository.ok()) return registry_error(repository.status(), "NAME_UNKNOWN").response();
    const std::optional<std::string_view> type = request.query_value("artifactType");
    json::Array manifests;
    for (const auto& [digest, contents] : repository->manifests) {
        if (contents->subject != what.digest) continue;
        if (type && *type != contents->artifact_type) continue;
        manifests.push_back(describe(digest, *contents));
    }
    http::Response response = http::Response::json(
        200,
        json::write(json::Object{
            {"schemaVersion", 2}, {"mediaType", kIndexType}, {"manifests", std::move(manifests)}}) +
            "\n");
    response.headers.set("Content-Type", std::string(kIndexType));
    if (type) response.headers.set("OCI-Filters-Applied", "artifactType");
    return response;
}

http::Response RegistryServer::delta(const http::Request& request, const RegistryRequest& what) {
    const Result<Repository> repository = repositories_.find(what.name);
    if (!repository.ok()) return registry_error(repository.status(), "NAME_UNKNOWN").response();
    const std::optional<std::uint64_t> base_bytes = repository->find_blob(*what.base);
    const std::optional<std::uint64_t> result_bytes = repository->find_blob(*what.digest);
    if (!base_bytes || !result_bytes) {
        const Digest& missing = base_bytes ? *what.digest : *what.base;
        return registry_error(unknown_blob(what, missing), "BLOB_UNKNOWN").response();
    }
    const DeltaEnds ends{*what.base, *base_bytes, *what.digest, *result_bytes};
    const Result<std::shared_ptr<const env::MappedFile>> file =
        deltas_.get(ends, [this](const Digest& digest) { return open(digest); });
    if (!file.ok()) {
        http::Response response = registry_error(file.status(), "DELTA_UNKNOWN").response();
        if (response.status == 503) {
            response.headers.set("Retry-After", std::to_string(kDeltaRetrySeconds));
        }
        return response;
    }
    const std::string etag = quoted(fmt::format("{}-{}", what.base->hex(), what.digest->hex()));
    http::Response response = send_file(request, file.value(), etag);
    if (response.status < 300) response.headers.set("Content-Type", std::string(kDeltaType));
    return response;
}

// A blob's bytes never change, so one that was verified stays so while it is mapped. What the
// collector removed is let go, for its room on the disk comes back only then.
Result<std::shared_ptr<const env::MappedFile>> RegistryServer::open(const Digest& digest) {
    const auto same = [&](const OpenBlob& open) { return open.first == digest; };
    {
        const MutexLock lock(mutex_);
        std::erase_if(open_, [this](const OpenBlob& open) { return !vault_.holds(open.first); });
        const auto found = std::find_if(open_.begin(), open_.end(), same);
        if (found != open_.end()) {
            std::rotate(open_.begin(), found, found + 1);
            return open_.front().second;
        }
    }
    const Result<std::shared_ptr<const env::MappedFile>> opened = vault_.open_blob(digest);
    if (!opened.ok()) return unsound(digest, opened.status());
    const std::shared_ptr<const env::MappedFile>& file = *opened;
    const MutexLock lock(mutex_);
    const auto twin = std::find_if(open_.begin(), open_.end(), same);
    if (twin != open_.end()) return twin->second;
    open_.emplace_front(digest, file);
    if (open_.size() > kMaxOpenBlobs) open_.pop_back();
    return file;
}

void add_registry_routes(http::Router& router, RegistryServer& server) {
    for (const char* method : {"GET", "POST", "PUT", "PATCH", "DELETE"}) {
        router.add(method, "/v2/{rest...}",
                   [&server](const http::Request& request) { return server.answer(request); });
    }
}

}  // namespace hf::vault
