#include "vault/registry.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "vault/model_pack.h"

namespace hf::vault {
namespace {

constexpr std::size_t kPieceBytes = 256u << 10;  // of a body on its way out
constexpr std::string_view kBytesType = "application/octet-stream";

// A body that can be sent again from its start.
class Body final {
public:
    explicit Body(ByteView bytes) : bytes_(bytes) {}

    void attach(http::ClientRequest& request) {
        at_ = 0;
        request.headers.set("Content-Type", std::string(kBytesType));
        if (bytes_.empty()) return;
        request.source_bytes = bytes_.size();
        request.source = [this]() -> Result<Bytes> {
            const ByteView piece = bytes_.subspan(at_, std::min(kPieceBytes, bytes_.size() - at_));
            at_ += piece.size();
            return Bytes(piece.begin(), piece.end());
        };
    }

private:
    ByteView bytes_;
    std::size_t at_ = 0;
};

std::string with_digest(const std::string& location, const Digest& digest) {
    return location + (location.find('?') == std::string::npos ? "?" : "&") + "digest=sha256%3A" +
           digest.hex();
}

// The bytes that a "Range: 0-N" of an upload says are there.
Result<std::uint64_t> received_bytes(const http::Response& response) {
    const std::string_view range = response.headers.get("Range").value_or("");
    const std::size_t dash = range.rfind('-');
    if (range.empty()) return std::uint64_t{0};
    const Result<std::int64_t> last =
        parse_int(dash == std::string_view::npos ? range : range.substr(dash + 1));
    if (!last.ok() || *last < 0) {
        return data_loss("the registry says '{}' of what it received", range);
    }
    // An empty upload is "0-0" as well as one of a single byte; assuming none is always right.
    return *last == 0 ? 0 : static_cast<std::uint64_t>(*last) + 1;
}

std::string own_words(const http::Response& response) {
    const Result<json::Value> body = json::parse(as_text(response.body), 64u << 10);
    if (!body.ok()) return {};
    const json::Array* errors = json::find_array(*body, "errors");
    if (!errors || errors->empty()) return {};
    std::string text = fmt::format(": {} {}", json::get_string(errors->front(), "code"),
                                   json::get_string(errors->front(), "message"))
                           .substr(0, 300);
    for (char& c : text) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
    }
    return text;
}

std::string origin_of(const Reference& reference, const RegistryOptions& options) {
    HF_CHECK(!reference.registry.empty(), "a registry without a host");
    const bool plain =
        !options.always_tls && (options.plain_http || is_loopback(reference.registry));
    return (plain ? "http://" : "https://") + reference.registry;
}

// Each once, however often it is named.
std::vector<Descriptor> find_missing(const Push& push, const std::vector<Descriptor>& blobs) {
    std::vector<Descriptor> missing;
    std::set<Digest> seen;
    for (const Descriptor& blob : blobs) {
        if (seen.insert(blob.digest).second && !push.has(blob)) missing.push_back(blob);
    }
    return missing;
}

}  // namespace

struct Registry::Upload {
    std::string location;
    std::uint64_t offset = 0;
};

Registry::Registry(http::Client& client, const Reference& reference, RegistryOptions options)
    : client_(client),
      reference_(reference),
      options_(std::move(options)),
      origin_(origin_of(reference, options_)),
      authorizer_(client, reference.registry, options_.docker_config) {}

bool Registry::is_passing(const Status& status) {
    // A trickle brings some bytes each time: to go on with it would never end.
    if (status.message().find("[slow-transfer]") != std::string_view::npos) return false;
    return status.code() == Code::kUnavailable || status.code() == Code::kDeadlineExceeded;
}

std::string Registry::url(std::string_view path) const {
    return fmt::format("{}/v2/{}/{}", origin_, reference_.name, path);
}

Result<http::Response> Registry::send(http::ClientRequest request) {
    const bool ours = request.url.starts_with(origin_ + "/");
    if (request.sink && options_.on_received) {
        request.sink = [this, sink = std::move(request.sink)](ByteView piece) {
            options_.on_received(piece.size());
            return sink(piece);
        };
    }
    for (int attempt = 0;; ++attempt) {
        request.headers.remove("Authorization");
        if (ours && !authorizer_.header().empty()) {
            request.headers.set("Authorization", authorizer_.header());
        }
        http::Response response = HF_TRY(client_.send(request));
        const std::optional<std::string_view> challenge = response.headers.get("WWW-Authenticate");
        if (response.status != 401 || attempt > 0 || !ours || !challenge) return response;
        HF_TRY(authorizer_.answer(*challenge));
        if (request.source) return unavailable("the login was renewed; the body must go again");
    }
}

Status Registry::refusal(const http::Response& response, std::string_view what) const {
    const std::string text = fmt::format("registry {}: {}: status {}{}", reference_.registry, what,
                                         response.status, own_words(response));
    switch (response.status) {
        case 401:
            return unauthenticated("{}; the login in the Docker configuration does not do", text);
        case 403: return permission_denied("{}", text);
        case 404: return not_found("{}", text);
        case 413: return resource_exhausted("{}", text);
        case 429: return resource_exhausted("{}; try again later", text);
        default: break;
    }
    if (response.status >= 500) return unavailable("{}", text);
    return failed_precondition("{}", text);
}

// Fetching.

Result<Bytes> Registry::fetch_manifest() {
    Bytes bytes;
    http::ClientRequest request;
    const std::string which = reference_.digest ? reference_.digest->to_string() : reference_.tag;
    request.url = url("manifests/" + which);
    request.headers.set("Accept", std::string(kManifestType));
    request.sink = [&](ByteView piece) -> Status {
        if (piece.size() > kMaxDocumentBytes - bytes.size()) {
            return resource_exhausted("the manifest is longer than {}",
                                      format_bytes(kMaxDocumentBytes));
        }
        bytes.insert(bytes.end(), piece.begin(), piece.end());
        return {};
    };
    const http::Response response =
        HF_TRY(send(request).context("manifest of {}", reference_.to_string()));
    if (response.status != 200) {
        return refusal(response, "manifest of " + reference_.to_string());
    }
    const Digest digest = crypto::sha256(bytes);
    if (reference_.digest && digest != *reference_.digest) {
        return data_loss("registry {} sent another manifest than {}: {}", reference_.registry,
                         reference_.digest->to_string(), digest.to_string());
    }
    return bytes;
}

Result<TransferReport> Registry::pull(Vault& vault) {
    const Bytes bytes = HF_TRY(fetch_manifest());
    HF_TRY(parse_model(crypto::sha256(bytes), bytes).context("{}", reference_.to_string()));
    const std::vector<Descriptor> children = HF_TRY(children_of(as_text(bytes)));
    const std::unique_ptr<Push> push = HF_TRY(vault.begin_push());
    TransferReport report;
    const DeltaBases bases =
        options_.deltas ? find_delta_bases(vault, reference_.name) : DeltaBases();
    Transfer transfer{vault, *push, bases, report};
    const std::vector<Descriptor> missing = find_missing(*push, children);
    report.blobs_present = children.size() - missing.size();
    std::uint64_t bytes_missing = 0;
    for (const Descriptor& blob : missing) {
        bytes_missing += std::min(blob.size_bytes, options_.blob_bytes_max);
    }
    if (options_.admit && bytes_missing > 0) HF_TRY(options_.admit(bytes_missing));
    HF_TRY(ask_before(transfer, missing));
    for (const Descriptor& blob : missing) {
        HF_TRY(fetch_missing(transfer, blob)
                   .context("blob {} of {}", blob.digest.to_string(), reference_.to_string()));
    }
    report.manifest = HF_TRY(push->put(bytes, kManifestType));
    // By a digest it gets no name; whose version it is, the next delta must know all the same.
    Descriptor entry = report.manifest;
    if (reference_.digest) entry.annotations[std::string(kRepositoryAnnotation)] = reference_.name;
    HF_TRY(push->tag(entry, reference_.digest ? "" : reference_.local()));
    return report;
}

Status Registry::fetch_blob(Push& push, const Descriptor& blob) {
    std::unique_ptr<BlobWriter> writer = HF_TRY(push.create(blob));
    const std::string path = "blobs/" + blob.digest.to_string();
    int attempts = 0, restarts = 0;
    for (;;) {
        const std::uint64_t offset = writer->size_bytes();
        http::ClientRequest request;
        request.url = url(path);
        if (offset > 0) request.headers.set("Range", fmt::format("bytes={}-", offset));
        request.sink = [&](ByteView piece) { return writer->append(piece); };
        const Result<http::Response> response = send(std::move(request));
        if (response.ok()) {
            if (response->status == 200 || response->status == 206) return writer->commit();
            return refusal(*response, "blob");
        }
        attempts = writer->size_bytes() > offset ? 1 : attempts + 1;
        if (!is_passing(response.status()) || attempts >= options_.attempts_max) {
            return response.status();
        }
        const bool none_left = writer->size_bytes() >= blob.size_bytes;
        if (writer->size_bytes() > 0 &&
            (none_left || !HF_TRY(can_resume(path, writer->size_bytes())))) {
            if (++restarts >= options_.attempts_max) return response.status();
            writer = HF_TRY(push.create(blob));
        }
    }
}

// Asks for one byte at `offset`: a registry that ignores ranges would send everything again, and a
// sink does not see the difference in time.
Result<bool> Registry::can_resume(std::string_view path, std::uint64_t offset) {
    std::uint64_t got = 0;
    http::ClientRequest request;
    request.url = url(path);
    request.headers.set("Range", fmt::format("bytes={}-{}", offset, offset));
    request.sink = [&](ByteView piece) -> Status {
        got += piece.size();
        return got > 1 ? out_of_range("ranges are not known there") : Status();
    };
    const Result<http::Response> response = send(std::move(request));
    return response.ok() && response->status == 206 && got == 1;
}

// Sending.

Result<TransferReport> Registry::push(const Vault& vault, const Descriptor& manifest) {
    const std::shared_ptr<const env::MappedFile> document =
        HF_TRY(vault.open_blob(manifest, "manifest"));
    TransferReport report;
    report.manifest = manifest;
    for (const Descriptor& blob : HF_TRY(children_of(as_text(document->bytes())))) {
        if (HF_TRY(has_blob(blob))) {
            ++report.blobs_present;
            continue;
        }
        const std::shared_ptr<const env::MappedFile> bytes =
            HF_TRY(vault.open_blob(blob, "blob " + blob.digest.to_string()));
        HF_TRY(send_blob(blob, bytes->bytes()).context("blob {}", blob.digest.to_string()));
        ++report.blobs_sent;
        report.bytes += blob.size_bytes;
    }
    HF_TRY(put_manifest(manifest, document->bytes()));
    return report;
}

Result<bool> Registry::has_blob(const Descriptor& blob) {
    http::ClientRequest request;
    request.method = "HEAD";
    request.url = url("blobs/" + blob.digest.to_string());
    const http::Response response = HF_TRY(send(std::move(request)));
    if (response.status == 200) return true;
    if (response.status == 404) return false;
    return refusal(response, "blob " + blob.digest.to_string());
}

Status Registry::send_blob(const Descriptor& blob, ByteView bytes) {
    if (bytes.size() > options_.chunk_bytes) return send_in_chunks(blob, bytes);
    for (int attempt = 1;; ++attempt) {
        const Status status = send_whole(blob, bytes);
        if (status.ok() || !is_passing(status) || attempt >= options_.attempts_max) return status;
    }
}

Result<std::string> Registry::start_upload() {
    http::ClientRequest request;
    request.method = "POST";
    request.url = url("blobs/uploads/");
    const http::Response response = HF_TRY(send(request));
    if (response.status != 202) return refusal(response, "upload");
    return follow(request.url, response);
}

// Where the upload goes on: another path or another host, but never off TLS.
Result<std::string> Registry::follow(const std::string& from,
                                     const http::Response& response) const {
    const std::string location(response.headers.get("Location").value_or(""));
    if (location.empty()) return from;
    std::string next = location;
    if (location.starts_with("/") && !location.starts_with("//")) {
        const std::size_t path = from.find('/', from.find("://") + 3);
        next = from.substr(0, path) + location;
    }
    if (host_of(next).empty()) {
        return failed_precondition("registry {} sends the upload to '{}', which is no address",
                                   reference_.registry, location.substr(0, 200));
    }
    if (from.starts_with("https://") && !next.starts_with("https://")) {
        return failed_precondition("registry {} sends the upload away from TLS, to {}",
                                   reference_.registry, host_of(next));
    }
    return next;
}

Status Registry::send_whole(const Descriptor& blob, ByteView bytes) {
    const std::string location = HF_TRY(start_upload());
    return finish_upload(location, blob, bytes);
}

Status Registry::finish_upload(const std::string& location, const Descriptor& blob,
                               ByteView bytes) {
    Body body(bytes);
    http::ClientRequest request;
    request.method = "PUT";
    request.url = with_digest(location, blob.digest);
    body.attach(request);
    const http::Response response = HF_TRY(send(std::move(request)));
    if (response.status != 201) return refusal(response, "upload");
    return {};
}

Status Registry::send_in_chunks(const Descriptor& blob, ByteView bytes) {
    Upload upload{HF_TRY(start_upload()), 0};
    int attempts = 0;
    while (upload.offset < bytes.size()) {
        const std::uint64_t before = upload.offset;
        Status status = send_chunk(upload, bytes);
        if (status.ok()) {
            attempts = 0;
            continue;
        }
        if (!is_passing(status) || ++attempts >= options_.attempts_max) return status;
        status = find_progress(upload);
        if (status.code() == Code::kNotFound) upload = {HF_TRY(start_upload()), 0};
        if (upload.offset > bytes.size()) {
            return data_loss("the registry has {} bytes of {}", upload.offset, bytes.size());
        }
        if (upload.offset > before) attempts = 0;
    }
    return finish_upload(upload.location, blob, {});
}

Status Registry::send_chunk(Upload& upload, ByteView bytes) {
    const std::uint64_t size = std::min(options_.chunk_bytes, bytes.size() - upload.offset);
    Body body(bytes.subspan(upload.offset, size));
    http::ClientRequest request;
    request.method = "PATCH";
    request.url = upload.location;
    body.attach(request);
    request.headers.set("Content-Range",
                        fmt::format("{}-{}", upload.offset, upload.offset + size - 1));
    const http::Response response = HF_TRY(send(request));
    if (response.status == 416) return unavailable("the registry is at another place");
    if (response.status != 202 && response.status != 204) return refusal(response, "upload");
    upload.location = HF_TRY(follow(request.url, response));
    upload.offset += size;
    return {};
}

// After a break: how much arrived. NOT_FOUND: the registry forgot the upload.
Status Registry::find_progress(Upload& upload) {
    http::ClientRequest request;
    request.url = upload.location;
    const http::Response response = HF_TRY(send(request));
    if (response.status != 204 && response.status != 202) return refusal(response, "upload");
    upload.offset = HF_TRY(received_bytes(response));
    upload.location = HF_TRY(follow(request.url, response));
    return {};
}

Status Registry::put_manifest(const Descriptor& manifest, ByteView bytes) {
    http::ClientRequest request;
    request.method = "PUT";
    request.url =
        url("manifests/" + (reference_.tag.empty() ? manifest.digest.to_string() : reference_.tag));
    request.headers.set("Content-Type", manifest.media_type);
    request.body = Bytes(bytes.begin(), bytes.end());
    const http::Response response = HF_TRY(send(std::move(request)));
    if (response.status != 201) return refusal(response, "manifest");
    const std::optional<std::string_view> digest = response.headers.get("Docker-Content-Digest");
    if (digest && *digest != manifest.digest.to_string()) {
        return data_loss("registry {} stored the manifest as {}, not as {}", reference_.registry,
                         digest->substr(0, 100), manifest.digest.to_string());
    }
    return {};
}

}  // namespace hf::vault
