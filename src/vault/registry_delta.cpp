// Pulling by deltas: the part of Registry that asks for one, applies it, and says why not.

#include "vault/registry_delta.h"

#include <algorithm>

#include "base/text.h"
#include "vault/delta/decode.h"
#include "vault/model_pack.h"
#include "vault/registry.h"

namespace hf::vault {
namespace {

class MappedRead final : public env::ReadFile {
public:
    explicit MappedRead(ByteView bytes) : bytes_(bytes) {}

    std::uint64_t size() const override { return bytes_.size(); }

    Status read(std::uint64_t offset, std::span<std::uint8_t> out) const override {
        if (offset > bytes_.size() || out.size() > bytes_.size() - offset) {
            return out_of_range("{} bytes at {} of {}", out.size(), offset, bytes_.size());
        }
        std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
        return {};
    }

private:
    ByteView bytes_;
};

// A blob on its way in, as deltas write their result.
class BlobFile final : public env::FileWriter {
public:
    explicit BlobFile(BlobWriter& blob) : blob_(blob) {}
    Status append(ByteView bytes) override { return blob_.append(bytes); }
    Status commit() override { return blob_.commit(); }

private:
    BlobWriter& blob_;
};

// Removed at the end, whatever happened.
class Scratch final {
public:
    Scratch(env::Files& files, std::string path) : files_(files), path_(std::move(path)) {}
    ~Scratch() { static_cast<void>(files_.remove(path_)); }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    const std::string& path() const { return path_; }

private:
    env::Files& files_;
    std::string path_;
};

// How long a busy registry asks to be left alone.
Duration retry_after(const http::Response& response) {
    const Result<std::int64_t> seconds =
        parse_int(response.headers.get("Retry-After").value_or("1"));
    if (!seconds.ok() || *seconds < 0) return std::chrono::seconds(1);
    const auto longest = std::chrono::duration_cast<std::chrono::seconds>(kMaxDeltaWait);
    return std::chrono::seconds(std::min<std::int64_t>(*seconds, longest.count()));
}

Status check_header(const delta::Header& header, const Descriptor& base, const Descriptor& blob) {
    if (header.base != base.digest || header.result != blob.digest ||
        header.result_bytes != blob.size_bytes) {
        return data_loss("the registry sent another delta: from {} to {} ({} bytes)",
                         header.base.to_string(), header.result.to_string(), header.result_bytes);
    }
    return {};
}

}  // namespace

DeltaBases find_delta_bases(const Vault& vault, std::string_view repository) {
    DeltaBases bases;
    const Result<std::vector<Descriptor>> entries = vault.list();
    if (!entries.ok()) return bases;
    const std::string prefix = fmt::format("{}:", repository);
    for (const Descriptor& entry : *entries) {
        const bool same = entry.annotation(std::string(kNameAnnotation)).starts_with(prefix) ||
                          entry.annotation(std::string(kRepositoryAnnotation)) == repository;
        if (!same) continue;
        if (entry.size_bytes > kMaxDocumentBytes) continue;
        const Result<std::shared_ptr<const env::MappedFile>> manifest =
            vault.open_blob(entry, "manifest");
        if (!manifest.ok()) continue;
        const Result<std::vector<Descriptor>> layers =
            children_of(as_text(manifest.value()->bytes()));
        if (!layers.ok()) continue;
        for (const Descriptor& layer : *layers) {
            const std::string_view path = layer.annotation(std::string(kPathAnnotation));
            if (!path.empty()) bases[std::string(path)] = layer;
        }
    }
    return bases;
}

const Descriptor* base_of(const DeltaBases& bases, const Descriptor& blob) {
    if (blob.size_bytes < kMinDeltaBytes) return nullptr;
    const auto found = bases.find(blob.annotation(std::string(kPathAnnotation)));
    return found == bases.end() ? nullptr : &found->second;
}

Status Registry::ask_before(const Transfer& transfer, const std::vector<Descriptor>& blobs) {
    if (!options_.may_receive) return {};
    std::uint64_t bytes = 0;
    for (const Descriptor& blob : blobs) {
        if (transfer.push.has(blob)) continue;
        bytes += HF_TRY(cost_of(transfer, blob));
    }
    return bytes > 0 ? options_.may_receive(bytes) : Status();
}

// What the blob will take on the link: its delta, where the registry has one.
Result<std::uint64_t> Registry::cost_of(const Transfer& transfer, const Descriptor& blob) {
    const std::uint64_t whole = std::min(blob.size_bytes, options_.blob_bytes_max);
    const Descriptor* base = base_of(transfer.bases, blob);
    if (!base) return whole;
    for (int waits = 0;; ++waits) {
        http::ClientRequest request;
        request.method = "HEAD";
        request.url =
            url(fmt::format("deltas/{}/{}", base->digest.to_string(), blob.digest.to_string()));
        const http::Response response = HF_TRY(send(std::move(request)));
        if (response.status == 503 && options_.wait && waits < kMaxDeltaWaits) {
            HF_TRY(options_.wait(retry_after(response)));
            continue;
        }
        const Result<std::int64_t> length =
            parse_int(response.headers.get("Content-Length").value_or(""));
        if (response.status != 200 || !length.ok() || *length < 0) return whole;
        return std::min(static_cast<std::uint64_t>(*length), whole);
    }
}

Status Registry::fetch_missing(Transfer& transfer, const Descriptor& blob) {
    if (blob.size_bytes > options_.blob_bytes_max) {
        return resource_exhausted("it has {}, more than {}", format_bytes(blob.size_bytes),
                                  format_bytes(options_.blob_bytes_max));
    }
    const Descriptor* base = base_of(transfer.bases, blob);
    if (base) {
        const Status status = fetch_by_delta(transfer, blob, *base);
        if (status.ok()) return {};
        if (transfer.given_up) return status;
        transfer.report.remarks.push_back(fmt::format("{} was fetched whole: {}",
                                                      blob.annotation(std::string(kPathAnnotation)),
                                                      status.message()));
        if (options_.may_receive) HF_TRY(options_.may_receive(blob.size_bytes));
    }
    HF_TRY(fetch_blob(transfer.push, blob));
    ++transfer.report.blobs_sent;
    transfer.report.bytes += blob.size_bytes;
    return {};
}

Status Registry::fetch_by_delta(Transfer& transfer, const Descriptor& blob,
                                const Descriptor& base) {
    const std::shared_ptr<const env::MappedFile> from =
        HF_TRY(transfer.vault.open_blob(base, "the version that is here"));
    env::Files& files = transfer.vault.files();
    const Scratch scratch(files, transfer.push.scratch_path());
    std::uint64_t received = 0;
    {
        const std::unique_ptr<env::FileWriter> file =
            HF_TRY(files.create(scratch.path(), env::Access::kShared));
        const Status fetched = fetch_delta(transfer, {base, blob, *file, received});
        transfer.report.bytes += received;
        if (!fetched.ok()) return fetched;
        HF_TRY(file->commit());
    }
    const std::unique_ptr<env::ReadFile> delta = HF_TRY(files.open_read(scratch.path()));
    const delta::DeltaReader reader = HF_TRY(delta::DeltaReader::open(*delta));
    HF_TRY(check_header(reader.header(), base, blob));
    const std::unique_ptr<BlobWriter> writer = HF_TRY(transfer.push.create(blob));
    BlobFile result(*writer);
    HF_TRY(delta::apply(MappedRead(from->bytes()), *delta, result, {blob.size_bytes}));
    HF_TRY(writer->commit());
    ++transfer.report.blobs_sent;
    ++transfer.report.blobs_by_delta;
    transfer.report.bytes_saved += blob.size_bytes - received;
    return {};
}

// All of the delta, less than the blob itself. Goes on where a connection broke, and never begins
// again: then the blob is the better use of the link.
Status Registry::fetch_delta(Transfer& transfer, const DeltaFetch& fetch) {
    const std::string path =
        fmt::format("deltas/{}/{}", fetch.base.digest.to_string(), fetch.blob.digest.to_string());
    int attempts = 0, waits = 0;
    for (;;) {
        const std::uint64_t offset = fetch.received;
        http::ClientRequest request;
        request.url = url(path);
        if (offset > 0) request.headers.set("Range", fmt::format("bytes={}-", offset));
        request.sink = [&](ByteView piece) -> Status {
            if (piece.size() >= fetch.blob.size_bytes - fetch.received) {
                return resource_exhausted("the delta is no smaller than the blob");
            }
            HF_TRY(fetch.file.append(piece));
            fetch.received += piece.size();
            return {};
        };
        const Result<http::Response> response = send(std::move(request));
        if (response.ok()) {
            if (response->status == (offset > 0 ? 206 : 200)) return {};
            if (response->status != 503 || !options_.wait || ++waits > kMaxDeltaWaits) {
                return refusal(*response, "delta");
            }
            const Status waited = options_.wait(retry_after(*response));
            transfer.given_up = !waited.ok();
            HF_TRY(waited);
            continue;
        }
        transfer.given_up = response.status().code() == Code::kCancelled;
        attempts = fetch.received > offset ? 1 : attempts + 1;
        if (!is_passing(response.status()) || attempts >= options_.attempts_max) {
            return response.status();
        }
        if (fetch.received > 0 && !HF_TRY(can_resume(path, fetch.received))) {
            return response.status();
        }
    }
}

}  // namespace hf::vault
