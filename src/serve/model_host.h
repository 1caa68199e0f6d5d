// ModelHost: the model that answers, with a pool of sessions and its counts.
//
// Thread-safety: all methods from any thread. Sessions are made as concurrency needs them and kept.

#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/time.h"
#include "env/clock.h"
#include "runtime/model.h"

namespace hf::serve {

// Upper bounds of the latency histogram, in seconds; a last bucket holds the rest.
inline constexpr std::array<double, 12> kLatencyBounds{
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5};

class ModelHost final {
public:
    struct Identity {
        std::string name;
        std::string version;   // "1" unless the caller says otherwise
        std::string platform;  // "onnx", "tflite"
    };

    ModelHost(Identity identity, std::shared_ptr<const runtime::CompiledModel> model,
              env::Clock& clock)
        : identity_(std::move(identity)), model_(std::move(model)), clock_(clock) {}

    const Identity& identity() const { return identity_; }
    const runtime::Signature& signature() const { return model_->signature(); }
    std::string_view device() const { return model_->device(); }

    // Runs one inference on a free session and counts it.
    Result<std::vector<Tensor>> infer(std::span<const Tensor> inputs);

    // Readiness is withdrawn first when the process is to stop.
    bool ready() const { return ready_; }
    void set_ready(bool ready) { ready_ = ready; }

    void count_refused() { ++refused_; }

    // Prometheus text exposition format.
    std::string metrics() const;

private:
    Result<std::unique_ptr<runtime::Session>> take_session();
    void give_back(std::unique_ptr<runtime::Session> session);
    void count(bool ok, Duration duration);

    const Identity identity_;
    const std::shared_ptr<const runtime::CompiledModel> model_;
    env::Clock& clock_;
    std::atomic<bool> ready_{true};
    std::atomic<std::uint64_t> refused_{0};

    mutable std::mutex mutex_;  // guards what follows
    std::vector<std::unique_ptr<runtime::Session>> free_sessions_;
    std::uint64_t succeeded_ = 0;
    std::uint64_t failed_ = 0;
    double seconds_ = 0;
    std::array<std::uint64_t, kLatencyBounds.size() + 1> buckets_{};
};

}  // namespace hf::serve
