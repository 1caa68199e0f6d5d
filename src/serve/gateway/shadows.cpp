#include "serve/gateway/shadows.h"

#include <pthread.h>

#include <algorithm>

#include "base/json.h"
#include "base/text.h"
#include "http/url.h"
#include "serve/gateway/forwarding.h"

namespace hf::serve::gateway {
namespace {

constexpr const char* kLengthHeader = "Inference-Header-Content-Length";

}  // namespace

std::optional<std::size_t> json_bytes_of(const http::Headers& headers) {
    const auto header = headers.get(kLengthHeader);
    const Result<std::int64_t> length = parse_int(trim(header.value_or("")));
    if (!length.ok() || *length < 0) return std::nullopt;
    return static_cast<std::size_t>(*length);
}

Shadows::Shadows(ClientPool& clients, const env::Clock& clock)
    : clients_(clients), clock_(clock), thread_([this] {
          pthread_setname_np(pthread_self(), "hf-shadows");
          run();
      }) {}

Shadows::~Shadows() {
    {
        const MutexLock lock(mutex_);
        stopping_ = true;
    }
    news_.notify_all();
    thread_.join();
}

void Shadows::offer(Asked asked, const http::Response& answer) {
    const std::size_t bytes = asked.body->size() + answer.body.size();
    {
        const MutexLock lock(mutex_);
        const bool room = waiting_.size() < kShadowsWaitingMax &&
                          bytes <= kShadowBytesMax - std::min(waiting_bytes_, kShadowBytesMax);
        if (!room) {
            ++counts_[asked.service].dropped;
            return;
        }
        waiting_bytes_ += bytes;
        waiting_.push_back({std::move(asked), answer.body, json_bytes_of(answer.headers)});
    }
    news_.notify_one();
}

std::map<std::string, Shadows::Counts> Shadows::counts() const {
    const MutexLock lock(mutex_);
    return counts_;
}

void Shadows::keep_only(const std::set<std::string>& services) {
    const MutexLock lock(mutex_);
    std::erase_if(counts_, [&](const auto& entry) { return !services.contains(entry.first); });
}

void Shadows::run() {
    MutexLock lock(mutex_);
    for (;;) {
        news_.wait(lock, [this]() HF_REQUIRES(mutex_) { return stopping_ || !waiting_.empty(); });
        if (stopping_) return;
        const Job job = std::move(waiting_.front());
        waiting_.pop_front();
        waiting_bytes_ -= job.asked.body->size() + job.answer.size();
        lock.unlock();
        const Result<bool> agrees = compare(job);
        lock.lock();
        Counts& counts = counts_[job.asked.service];
        ++(!agrees.ok() ? counts.unanswered : *agrees ? counts.agreed : counts.differed);
    }
}

Status Shadows::pulse(Duration end) const {
    const bool late = clock_.monotonic() >= end;
    return stopping_ || late ? cancelled("nobody waits for the comparison") : Status();
}

Result<bool> Shadows::compare(const Job& job) {
    const Replica& replica = job.asked.choice.replica;
    const Shadow& shadow = job.asked.choice.shadow;
    const InferBody body = write_comparison({shadow.to,
                                             shadow.rule,
                                             {*job.asked.body, job.asked.json_bytes},
                                             {job.answer, job.answer_json_bytes}});
    const Duration end = clock_.monotonic() + kShadowTime;
    http::ClientRequest request;
    request.method = "POST";
    request.url = fmt::format("{}/v2/models/{}/compare", replica.url,
                              http::percent_encode(job.asked.service));
    request.headers.set("Content-Type", "application/octet-stream");
    request.headers.set(kLengthHeader, fmt::format("{}", body.json_bytes.value_or(0)));
    request.body = body.bytes;
    request.pulse = [this, end] { return pulse(end); };
    const Instant now(clock_.monotonic());
    ClientPool::Lease lease = HF_TRY(clients_.take(replica, false, now));
    const http::Response response = HF_TRY(lease.client->send(request));
    clients_.give_back(replica, std::move(lease), Instant(clock_.monotonic()));
    if (response.status != 200) return unavailable("HTTP status {}", response.status);
    const json::Value answer = HF_TRY(json::parse(as_text(response.body)));
    return json::get_bool(answer, "agrees");
}

}  // namespace hf::serve::gateway
