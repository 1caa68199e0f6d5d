// Receipts: one for every prediction, a leaf of a Merkle log whose root is signed; see
// docs/reference/receipts.md. A receipt says which model answered what, where, when and how long it
// took. It says nothing of energy: nothing here measures it.
//
// add() puts a receipt into the log before the answer goes out. Once a checkpoint interval, and at
// once when someone asks for a receipt that is not yet under a checkpoint, the log is synced and
// signed; file() therefore never waits for time to pass.
//
// Thread-safety: add() and file() from any thread. One thread ("hf-receipts") signs.

#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "base/digest.h"
#include "base/mutex.h"
#include "base/status.h"
#include "base/time.h"
#include "env/clock.h"
#include "env/entropy.h"
#include "env/files.h"
#include "serve/merkle_log.h"
#include "serve/model_host.h"
#include "tensor/tensor.h"

namespace hf::serve {

// SHA-256 over the tensors in order; each is one line of canonical JSON
// {"datatype":"FP32","name":"x","shape":[3,4]} and a newline, then its bytes as the binary tensor
// data extension writes them.
struct NamedTensor {
    std::string_view name;
    const Tensor& tensor;
};
Digest tensors_digest(std::span<const NamedTensor> tensors);

struct Prediction {
    const ModelHost& host;
    Digest request;
    Digest response;
    Duration duration{};  // in the model
    bool cached = false;  // not computed for this request, but for one like it

    // Of an answer that a cascade had a part in, as canonical JSON; empty: none had.
    std::string cascade = {};  // what it did
    std::string model = {};    // whose answer all of it is; empty: the host's own

    std::string guard = {};  // what the model's guard says, as canonical JSON; empty: it has none
    std::string steps = {};  // of an ensemble, who answered what, the same; empty: it is none
};

class Receipts final {
    struct Private {
        explicit Private() = default;
    };

public:
    struct World {
        env::Files& files;
        env::Clock& clock;
        env::Entropy& entropy;
    };
    struct Options {
        std::string folder;  // of the log, and of the key that signs it, "key.pem"
        std::string node;    // who answers; the log's name is "holdfast/NODE"
        Duration checkpoint_interval = std::chrono::seconds(1);  // 0: only when asked for
    };

    // Opens the log, or begins one with a new key; "log.pub" is the key as verifiers take it.
    static Result<std::unique_ptr<Receipts>> open(World world, Options options);
    Receipts(Private, World world, Options options, std::unique_ptr<MerkleLog> log);
    ~Receipts();  // signs what is there

    // The receipt's identifier. An error means that there is no receipt, so there must be no
    // answer: UNAVAILABLE says why.
    Result<std::string> add(const Prediction& prediction);

    // What `holdfast receipt verify` takes: the receipt with its proof and checkpoint.
    // NOT_FOUND when no receipt has that identifier.
    Result<std::string> file(std::string_view id);

    // Syncs and signs what was added so far.
    Status checkpoint() { return log_->checkpoint(); }

    const MerkleLog& log() const { return *log_; }
    std::string metrics() const;  // Prometheus text

private:
    void sign_until_stopped();
    std::array<std::uint8_t, 8> nonce();

    World world_;
    const Options options_;
    const std::unique_ptr<MerkleLog> log_;
    std::string quoted_node_;  // as JSON

    Mutex entropy_mutex_;
    Bytes entropy_ HF_GUARDED_BY(entropy_mutex_);
    std::size_t entropy_used_ HF_GUARDED_BY(entropy_mutex_) = 0;

    Mutex mutex_;
    ConditionVariable wake_;
    bool stopping_ HF_GUARDED_BY(mutex_) = false;
    std::thread signer_;
};

}  // namespace hf::serve
