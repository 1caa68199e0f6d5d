#include "serve/receipts.h"

#include <pthread.h>

#include <array>
#include <cstring>

#include "base/json.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "serve/tensors.h"
#include "tensor/json_text.h"
#include "trust/receipt.h"

namespace hf::serve {
namespace {

constexpr std::uint64_t kMaxKeyBytes = 64u << 10;
constexpr std::size_t kEntropyBytes = 4096;  // asked for at a time

std::string quoted(std::string_view text) {
    std::string quoted;
    write_json_string(text, quoted);
    return quoted;
}

template <std::size_t kSize>
void add_hex(std::span<const std::uint8_t, kSize> bytes, std::string& text) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::array<char, 2 * kSize> hex{};
    for (std::size_t i = 0; i < kSize; ++i) {
        hex[2 * i] = kDigits[bytes[i] >> 4];
        hex[2 * i + 1] = kDigits[bytes[i] & 15];
    }
    text.append(hex.data(), hex.size());
}

void add_field(std::string& text, std::string_view key, std::string_view quoted_value) {
    text.append(",\"").append(key).append("\":").append(quoted_value);
}

void add_digest(std::string& text, std::string_view key, const Digest& digest) {
    text.append(",\"").append(key).append("\":\"sha256:");
    add_hex(digest.bytes().first<Digest::kSize>(), text);
    text += '"';
}

// A receipt before its place in the log, and so its identifier, is known.
struct Draft {
    const Prediction& prediction;
    std::string_view quoted_node;
    Instant time;
    std::array<std::uint8_t, 8> nonce;
    std::string id = {};  // once it is written
};

// Canonical JSON: keys in order, no spaces. Appends instead of formatting: this runs for every
// prediction.
void write_receipt(Draft& draft, std::uint64_t place, std::string& text) {
    const Prediction& prediction = draft.prediction;
    const ModelHost& host = prediction.host;
    draft.id.append(std::to_string(place)).append("-");
    add_hex(std::span<const std::uint8_t, 8>(draft.nonce), draft.id);
    text += '{';
    if (prediction.cached) text.append("\"cached\":true,");
    if (!prediction.cascade.empty()) {
        text.append("\"cascade\":").append(prediction.cascade).append(",");
    }
    text.append("\"device\":");
    write_json_string(host.device(), text);
    add_field(text, "duration_ns", std::to_string(prediction.duration.count()));
    if (!prediction.guard.empty()) add_field(text, "guard", prediction.guard);
    text.append(",\"id\":\"").append(draft.id).append("\"");
    add_field(text, "model", prediction.model.empty() ? host.receipt_json() : prediction.model);
    add_field(text, "node", draft.quoted_node);
    add_digest(text, "request", prediction.request);
    add_digest(text, "response", prediction.response);
    const std::string& service = host.identity().service;
    if (!service.empty()) {
        text.append(",\"service\":");
        write_json_string(service, text);
    }
    if (!prediction.steps.empty()) add_field(text, "steps", prediction.steps);
    text.append(",\"time\":\"").append(format_rfc3339_micros(draft.time)).append("\"");
    text.append(",\"type\":\"holdfast.dev/receipt/v1\"}");
}

Result<crypto::Ed25519PrivateKey> open_key(const Receipts::World& world,
                                           const std::string& folder) {
    const std::string path = folder + "/key.pem";
    if (world.files.exists(path)) {
        const Bytes pem = HF_TRY(world.files.read(path, kMaxKeyBytes));
        return crypto::Ed25519PrivateKey::from_pem(as_text(pem)).context("{}", path);
    }
    if (world.files.exists(folder + "/checkpoint")) {
        return data_loss(
            "{} is gone, and the log is signed with it; bring it back, or begin "
            "another log in another folder",
            path);
    }
    Bytes seed(crypto::Ed25519PrivateKey::kSeedBytes);
    world.entropy.fill(seed);
    crypto::Ed25519PrivateKey key = HF_TRY(crypto::Ed25519PrivateKey::from_seed(seed));
    HF_TRY(world.files.create_directories(folder));
    HF_TRY(world.files.write(path, as_bytes(key.pem()), env::Access::kPrivate));
    return key;
}

}  // namespace

Digest tensors_digest(std::span<const NamedTensor> tensors) {
    crypto::Sha256 hash;
    std::string line;
    for (const auto& [name, tensor] : tensors) {
        line.assign("{\"datatype\":\"").append(oip_name(tensor.dtype())).append("\",\"name\":");
        write_json_string(name, line);
        line.append(",\"shape\":[");
        for (std::size_t axis = 0; axis < tensor.shape().rank(); ++axis) {
            if (axis > 0) line += ',';
            line += std::to_string(tensor.shape()[axis]);
        }
        line.append("]}\n");
        hash.update(as_bytes(line));
        if (tensor.dtype() == DType::kString) {
            hash.update(tensor_to_binary(tensor));
        } else {
            hash.update(tensor.bytes());
        }
    }
    return hash.finish();
}

Result<std::unique_ptr<Receipts>> Receipts::open(World world, Options options) {
    crypto::Ed25519PrivateKey key = HF_TRY(open_key(world, options.folder).context("receipts"));
    trust::NoteSigner signer = HF_TRY(
        trust::NoteSigner::create("holdfast/" + options.node, std::move(key)).context("receipts"));
    const std::string verifier = signer.verifier().text() + "\n";
    std::unique_ptr<MerkleLog> log =
        HF_TRY(MerkleLog::open(world.files, {.folder = options.folder, .signer = std::move(signer)})
                   .context("receipts"));
    HF_TRY(world.files.write(options.folder + "/log.pub", as_bytes(verifier)));
    return std::make_unique<Receipts>(Private{}, world, std::move(options), std::move(log));
}

Receipts::Receipts(Private, World world, Options options, std::unique_ptr<MerkleLog> log)
    : world_(world), options_(std::move(options)), log_(std::move(log)) {
    quoted_node_ = quoted(options_.node);
    if (options_.checkpoint_interval > Duration::zero()) {
        signer_ = std::thread([this] { sign_until_stopped(); });
    }
}

Receipts::~Receipts() {
    {
        const MutexLock lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    if (signer_.joinable()) signer_.join();
    // What cannot be signed now is signed after the next start.
    (void)log_->checkpoint();
}

void Receipts::sign_until_stopped() {
    pthread_setname_np(pthread_self(), "hf-receipts");
    MutexLock lock(mutex_);
    while (!wake_.wait_for(lock, options_.checkpoint_interval,
                           [this]() HF_REQUIRES(mutex_) { return stopping_; })) {
        lock.unlock();
        // A failure is told to the next add() or file(), and by the metrics.
        (void)log_->checkpoint();
        lock.lock();
    }
}

std::array<std::uint8_t, 8> Receipts::nonce() {
    std::array<std::uint8_t, 8> nonce{};
    const MutexLock lock(entropy_mutex_);
    if (entropy_used_ + nonce.size() > entropy_.size()) {
        entropy_.resize(kEntropyBytes);
        world_.entropy.fill(entropy_);
        entropy_used_ = 0;
    }
    std::memcpy(nonce.data(), entropy_.data() + entropy_used_, nonce.size());
    entropy_used_ += nonce.size();
    return nonce;
}

Result<std::string> Receipts::add(const Prediction& prediction) {
    Draft draft{prediction, quoted_node_, world_.clock.now(), nonce()};
    const Result<std::uint64_t> index = log_->add(
        [&draft](std::uint64_t place, std::string& text) { write_receipt(draft, place, text); });
    if (!index.ok()) {
        return unavailable("no receipt can be written, so nothing is answered: {}",
                           index.status().message());
    }
    return std::move(draft.id);
}

Result<std::string> Receipts::file(std::string_view id) {
    const Status unknown = not_found("no receipt '{}' is in this log", id);
    const std::string_view place = id.substr(0, id.find('-'));
    const Result<std::int64_t> parsed = parse_int(place);
    if (!parsed.ok() || *parsed < 0) return unknown;
    const auto index = static_cast<std::uint64_t>(*parsed);
    if (index >= log_->size()) return unknown;
    if (index >= log_->signed_size()) HF_TRY(log_->checkpoint());
    MerkleLog::Proved proved = HF_TRY(log_->prove(index));
    // The identifier's random half keeps receipts from being walked through by number.
    const json::Value receipt = HF_TRY(json::parse(proved.leaf));
    if (json::get_string(receipt, "id") != id) return unknown;
    return trust::write_receipt_file(
        {std::move(proved.leaf), index, std::move(proved.proof), std::move(proved.checkpoint)});
}

std::string Receipts::metrics() const {
    return fmt::format(
        "# HELP holdfast_receipts Receipts in the log.\n"
        "# TYPE holdfast_receipts gauge\n"
        "holdfast_receipts {}\n"
        "# HELP holdfast_receipts_signed Receipts under the last signed checkpoint.\n"
        "# TYPE holdfast_receipts_signed gauge\n"
        "holdfast_receipts_signed {}\n"
        "# HELP holdfast_receipts_stopped 1 when no receipt can be written until a restart.\n"
        "# TYPE holdfast_receipts_stopped gauge\n"
        "holdfast_receipts_stopped {}\n",
        log_->size(), log_->signed_size(), log_->health().ok() ? 0 : 1);
}

}  // namespace hf::serve
