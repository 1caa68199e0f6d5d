#include "serve/grpc/health_watch.h"

#include <pthread.h>

#include <algorithm>

#include "serve/grpc/reflection.h"

namespace hf::serve::grpc {
namespace {

constexpr Duration kLookEvery = std::chrono::milliseconds(100);

Health served_if(bool ready) {
    return ready ? Health::kServing : Health::kNotServing;
}

}  // namespace

Health health_of(const Services& services, const http::Headers& headers, std::string_view service) {
    if (service.empty() || is_service(service)) return served_if(is_ready(services));
    const Access* const access = services.with.access;
    const bool may = !access || access->check(headers, Right::kInfer, service).ok();
    if (!may) return Health::kServiceUnknown;
    const std::shared_ptr<ModelHost> host = services.models.find(service);
    if (host) return served_if(services.models.ready() && host->ready());
    const ModelRepository* const repository = services.with.repository;
    return repository && repository->has(service) ? Health::kNotServing : Health::kServiceUnknown;
}

// What one watcher is told of.
struct HealthWatches::Watched {
    std::string service;
    http::Headers headers;
    Duration deadline;

    // The rest under the lock of all.
    Health told = Health::kServing;  // meaningful once there is `wake`
    std::function<void()> wake = {};
};

class HealthWatches::Watcher final : public Answers {
public:
    Watcher(std::shared_ptr<HealthWatches> of, std::shared_ptr<Watched> watched)
        : of_(std::move(of)), watched_(std::move(watched)) {}
    ~Watcher() override { of_->forget(watched_); }

    void start(std::function<void()> wake) override {
        const MutexLock lock(of_->mutex_);
        watched_->wake = std::move(wake);
    }

    std::optional<Bytes> next() override {
        const Health now = health_of(of_->services_, watched_->headers, watched_->service);
        if (now == told_) return std::nullopt;
        told_ = now;
        const MutexLock lock(of_->mutex_);
        watched_->told = now;
        return write_health(now);
    }

private:
    const std::shared_ptr<HealthWatches> of_;
    const std::shared_ptr<Watched> watched_;
    std::optional<Health> told_;  // nullopt: nothing yet
};

HealthWatches::~HealthWatches() {
    {
        const MutexLock lock(mutex_);
        ending_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
}

Result<std::unique_ptr<Answers>> HealthWatches::watch(const Call& call, std::string service) {
    auto watched =
        std::make_shared<Watched>(Watched{std::move(service), call.request.headers, call.deadline});
    {
        const MutexLock lock(mutex_);
        if (all_.size() >= kMaxWatchers) {
            return resource_exhausted("{} watch the health of this server; ask Check",
                                      kMaxWatchers);
        }
        all_.push_back(watched);
        if (!thread_.joinable()) thread_ = std::thread([this] { look_around(); });
    }
    changed_.notify_all();
    return std::unique_ptr<Answers>(
        std::make_unique<Watcher>(shared_from_this(), std::move(watched)));
}

std::size_t HealthWatches::watchers() const {
    const MutexLock lock(mutex_);
    return all_.size();
}

void HealthWatches::forget(const std::shared_ptr<Watched>& watched) {
    const MutexLock lock(mutex_);
    std::erase(all_, watched);
}

void HealthWatches::look_around() {
    pthread_setname_np(pthread_self(), "hf-health");
    for (;;) {
        {
            MutexLock lock(mutex_);
            changed_.wait(lock, [this]() HF_REQUIRES(mutex_) { return ending_ || !all_.empty(); });
            const auto ending = [this]() HF_REQUIRES(mutex_) { return ending_; };
            if (changed_.wait_for(lock, kLookEvery, ending)) return;
        }
        look();
    }
}

void HealthWatches::look() {
    std::vector<std::shared_ptr<Watched>> all;
    {
        const MutexLock lock(mutex_);
        all = all_;
    }
    const Duration now = clock_.monotonic();
    for (const std::shared_ptr<Watched>& watched : all) {
        const Health health = health_of(services_, watched->headers, watched->service);
        std::function<void()> wake;
        {
            const MutexLock lock(mutex_);
            if (health != watched->told || now >= watched->deadline) wake = watched->wake;
        }
        if (wake) wake();
    }
}

}  // namespace hf::serve::grpc
