#include "serve/cascade/asker.h"

#include <algorithm>

#include "serve/gateway/forwarding.h"

namespace hf::serve::cascade {
namespace {

// An upstream that says nothing for so long is cut even where the deadline is later.
constexpr Duration kSilenceMax = std::chrono::seconds(60);

}  // namespace

// Shared by who asks and the thread that does, for whichever ends first.
struct Asker::Question {
    gateway::Replica replica;
    http::ClientRequest request;
    Instant deadline{};
    std::atomic<bool> stopped{false};

    Mutex mutex;
    ConditionVariable news;
    bool ended HF_GUARDED_BY(mutex) = false;
    Result<http::Response> response HF_GUARDED_BY(mutex) = deadline_exceeded("not asked yet");
};

Asker::Asker(gateway::ClientOptionsOf options, const env::Clock& clock)
    : clock_(clock),
      clients_(std::move(options), kSilenceMax),
      workers_(kAskerThreads, "hf-cascade") {}

Asker::~Asker() {
    stopping_ = true;
}

Result<http::Response> Asker::ask(const gateway::Replica& replica, http::ClientRequest request,
                                  Instant deadline) {
    if (under_way_.fetch_add(1) >= kAskerThreads) {
        --under_way_;
        return resource_exhausted("{} questions are under way, the limit", kAskerThreads);
    }
    const auto question = std::make_shared<Question>();
    question->replica = replica;
    question->request = std::move(request);
    question->request.url = replica.url + question->request.url;
    question->deadline = deadline;
    workers_.post([this, question] { answer(*question); });
    MutexLock lock(question->mutex);
    const Duration patience = std::max(deadline - now(), Duration::zero());
    question->news.wait_for(lock, patience,
                            [&]() HF_REQUIRES(question->mutex) { return question->ended; });
    if (question->ended) return std::move(question->response);
    question->stopped = true;
    return deadline_exceeded("{} has not answered in time", replica.node);
}

void Asker::answer(Question& question) {
    Result<http::Response> response = send(question);
    --under_way_;
    {
        const MutexLock lock(question.mutex);
        question.response = std::move(response);
        question.ended = true;
    }
    question.news.notify_one();
}

Result<http::Response> Asker::send(Question& question) {
    const auto pulse = [this, &question]() -> Status {
        return question.stopped || stopping_ ? cancelled("nobody waits for the answer") : Status();
    };
    question.request.pulse = pulse;
    gateway::ClientPool::Lease lease = HF_TRY(clients_.take(question.replica, true, now()));
    for (;;) {
        HF_TRY(pulse());
        const auto left = std::chrono::floor<std::chrono::milliseconds>(question.deadline - now());
        if (left.count() <= 0) return deadline_exceeded("no time is left to ask");
        question.request.headers.set(gateway::kTimeoutHeader, fmt::format("{}", left.count()));
        Result<http::Response> response = lease.client->send(question.request);
        if (response.ok()) clients_.give_back(question.replica, std::move(lease), now());
        const Code code = response.status().code();
        const bool stale = !response.ok() && lease.used && pulse().ok() &&
                           (code == Code::kUnavailable || code == Code::kUnauthenticated);
        // Too large an answer: the word for it is the one for too many questions here.
        if (code == Code::kResourceExhausted)
            return internal_error("{}", response.status().message());
        if (!stale) return response;
        clients_.forget(question.replica);
        lease = HF_TRY(clients_.make(question.replica, true, now()));
    }
}

}  // namespace hf::serve::cascade
