// The health service (grpc.health.v1): how it is with the server, with a service of it and with a
// model, and who is told of each change.
//
// Check and Watch know the same services: "", those of this server by their names, and each model
// by its name, for whom it may be asked for inferences. What is neither is SERVICE_UNKNOWN to a
// watcher, as the protocol has it, because it may come to be.
//
// Health changes without anybody saying so (a receipt log that fails, a file under a sleeping
// model), so that one thread, "hf-health", looks ten times a second, and only while there are
// watchers. Of several changes between two looks a watcher is told the last.
//
// Thread-safety: all methods from any thread.

#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "serve/grpc/answers.h"
#include "serve/grpc/messages.h"
#include "serve/inference.h"

namespace hf::serve::grpc {

// `headers`: of the call, for whether the caller may know of a model.
Health health_of(const Services& services, const http::Headers& headers, std::string_view service);

class HealthWatches final : public std::enable_shared_from_this<HealthWatches> {
public:
    // Of one server at a time; one more is RESOURCE_EXHAUSTED.
    static constexpr std::size_t kMaxWatchers = 256;

    // REQUIRES: what the services name and the clock outlive it and all that it hands out.
    HealthWatches(const Services& services, const env::Clock& clock)
        : services_(services), clock_(clock) {}
    ~HealthWatches();

    // The present health of the service, and then each other one. REQUIRES: owned by shared_ptr.
    Result<std::unique_ptr<Answers>> watch(const Call& call, std::string service);

    std::size_t watchers() const;

private:
    class Watcher;
    struct Watched;
    void look_around();
    void look();
    void forget(const std::shared_ptr<Watched>& watched);

    const Services services_;
    const env::Clock& clock_;
    mutable Mutex mutex_;
    ConditionVariable changed_;
    std::vector<std::shared_ptr<Watched>> all_ HF_GUARDED_BY(mutex_);
    bool ending_ HF_GUARDED_BY(mutex_) = false;
    std::thread thread_;  // started by the first watcher, under the lock
};

}  // namespace hf::serve::grpc
