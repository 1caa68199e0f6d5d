#include "serve/model_host.h"

#include <algorithm>

namespace hf::serve {
namespace {

// A label value with backslash, quote and newline escaped.
std::string label(std::string_view text) {
    std::string out;
    for (char c : text) {
        if (c == '\\' || c == '"') out += '\\';
        out += c == '\n' ? std::string("\\n") : std::string(1, c);
    }
    return out;
}

}  // namespace

Result<std::vector<Tensor>> ModelHost::infer(std::span<const Tensor> inputs) {
    std::unique_ptr<runtime::Session> session = HF_TRY(take_session());
    const Duration start = clock_.monotonic();
    Result<std::vector<Tensor>> outputs = session->run(inputs);
    count(outputs.ok(), clock_.monotonic() - start);
    give_back(std::move(session));
    return outputs;
}

Result<std::unique_ptr<runtime::Session>> ModelHost::take_session() {
    {
        const std::lock_guard lock(mutex_);
        if (!free_sessions_.empty()) {
            std::unique_ptr<runtime::Session> session = std::move(free_sessions_.back());
            free_sessions_.pop_back();
            return session;
        }
    }
    return model_->new_session();
}

void ModelHost::give_back(std::unique_ptr<runtime::Session> session) {
    const std::lock_guard lock(mutex_);
    free_sessions_.push_back(std::move(session));
}

void ModelHost::count(bool ok, Duration duration) {
    const double seconds = std::chrono::duration<double>(duration).count();
    const auto bucket = static_cast<std::size_t>(
        std::lower_bound(kLatencyBounds.begin(), kLatencyBounds.end(), seconds) -
        kLatencyBounds.begin());
    const std::lock_guard lock(mutex_);
    ++(ok ? succeeded_ : failed_);
    seconds_ += seconds;
    ++buckets_[bucket];
}

std::string ModelHost::metrics() const {
    const std::lock_guard lock(mutex_);
    const std::string model = label(identity_.name);
    std::string text =
        "# HELP holdfast_inference_requests_total Inference requests by outcome.\n"
        "# TYPE holdfast_inference_requests_total counter\n";
    const auto row = [&](std::string_view outcome, std::uint64_t count) {
        text += fmt::format("holdfast_inference_requests_total{{model=\"{}\",outcome=\"{}\"}} {}\n",
                            model, outcome, count);
    };
    row("succeeded", succeeded_);
    row("failed", failed_);
    row("refused", refused_);
    text +=
        "# HELP holdfast_inference_duration_seconds Time in the model, without transport.\n"
        "# TYPE holdfast_inference_duration_seconds histogram\n";
    std::uint64_t cumulative = 0;
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
        cumulative += buckets_[i];
        const std::string bound =
            i < kLatencyBounds.size() ? fmt::format("{}", kLatencyBounds[i]) : "+Inf";
        text +=
            fmt::format("holdfast_inference_duration_seconds_bucket{{model=\"{}\",le=\"{}\"}} {}\n",
                        model, bound, cumulative);
    }
    text += fmt::format("holdfast_inference_duration_seconds_sum{{model=\"{}\"}} {}\n", model,
                        seconds_);
    text += fmt::format("holdfast_inference_duration_seconds_count{{model=\"{}\"}} {}\n", model,
                        cumulative);
    return text;
}

}  // namespace hf::serve
