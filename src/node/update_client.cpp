#include "node/update_client.h"

#include "http/paced_client.h"
#include "trust/tuf/refusal.h"

namespace hf::node {
namespace {

namespace tuf = trust::tuf;

constexpr std::size_t kMaxKeptFiles = 1024;
constexpr Duration kLockPatience = std::chrono::seconds(30);
constexpr Duration kConnectTimeout = std::chrono::seconds(10);
constexpr Duration kReadTimeout = std::chrono::seconds(20);

class HttpMetadata final : public MetadataSource {
public:
    HttpMetadata(std::unique_ptr<http::Client> client, std::string url)
        : client_(std::move(client)), url_(std::move(url)) {
        if (!url_.ends_with('/')) url_ += '/';
    }

    Result<std::string> fetch(const std::string& name, std::uint64_t bytes_max) override {
        std::string body;
        http::ClientRequest request;
        request.url = url_ + name;
        request.sink = [&](ByteView piece) -> Status {
            if (piece.size() > bytes_max - body.size()) {
                return tuf::refusal(tuf::kTooLarge, "{} has more than {} bytes", name, bytes_max);
            }
            body += as_text(piece);
            return {};
        };
        const http::Response response = HF_TRY(client_->send(request));
        if (response.status == 200) return body;
        // Stores of files often answer 403 for what is not there.
        if (response.status == 404 || response.status == 403 || response.status == 410) {
            return not_found("{} answered HTTP status {}", request.url, response.status);
        }
        return unavailable("{} answered HTTP status {}", request.url, response.status);
    }

private:
    std::unique_ptr<http::Client> client_;
    std::string url_;
};

std::string path_of(const std::string& folder, const std::string& role) {
    return folder + "/" + tuf::Request{role, std::nullopt, 0}.file_name();
}

}  // namespace

Result<std::unique_ptr<MetadataSource>> metadata_over_http(std::string url) {
    http::ClientOptions options;
    options.connect_timeout = kConnectTimeout;
    options.read_timeout = kReadTimeout;
    return std::make_unique<HttpMetadata>(HF_TRY(http::create_paced_client(std::move(options), {})),
                                          std::move(url));
}

Status UpdateClient::begin_with(env::Files& files, const std::string& folder, ByteView root) {
    HF_TRY(files.create_directories(folder));
    return files.write(path_of(folder, "root"), root);
}

Result<tuf::Kept> UpdateClient::read_kept() const {
    tuf::Kept kept;
    for (const env::DirectoryEntry& entry : HF_TRY(files_.list(folder_))) {
        const std::optional<std::string> role = tuf::role_of_file(entry.name);
        if (!role || entry.kind != env::FileKind::kRegular) continue;
        if (kept.size() == kMaxKeptFiles) {
            return resource_exhausted("{} holds more than {} files", folder_, kMaxKeptFiles);
        }
        const Bytes bytes = HF_TRY(files_.read(folder_ + "/" + entry.name, tuf::kMaxPromisedBytes));
        kept.emplace(*role, as_text(bytes));
    }
    return kept;
}

Status UpdateClient::refresh(Instant now) {
    update_.reset();
    HF_TRY(files_.create_directories(folder_));
    if (!lock_) lock_ = HF_TRY(files_.lock_within(folder_ + "/lock", kLockPatience));
    update_.emplace(HF_TRY(read_kept()), now);
    return follow(update_->start());
}

Result<tuf::TargetFile> UpdateClient::find(const std::string& target) {
    HF_CHECK(update_ && update_->done(), "a search without a refresh");
    HF_TRY(follow(update_->find(target)));
    if (update_->found()) return *update_->found();
    return tuf::refusal(tuf::kNoTarget, "no role that may speak of '{}' lists it", target);
}

Status UpdateClient::keep(const tuf::Change& change) {
    const std::string path = path_of(folder_, change.role);
    return change.bytes ? files_.write(path, as_bytes(*change.bytes)) : files_.remove(path);
}

Status UpdateClient::follow(tuf::Turn turn) {
    while (true) {
        for (const tuf::Change& change : turn.changes) HF_TRY(keep(change));
        if (!turn.request) return turn.refused;
        const Result<std::string> bytes =
            source_.fetch(turn.request->file_name(), turn.request->bytes_max);
        if (bytes.ok()) {
            turn = update_->on_bytes(*bytes);
        } else if (bytes.status().code() == Code::kNotFound) {
            turn = update_->on_missing();
        } else {
            return bytes.status();
        }
    }
}

}  // namespace hf::node
