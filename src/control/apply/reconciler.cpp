#include "control/apply/reconciler.h"

#include <pthread.h>

#include <thread>

#include "api/conditions.h"
#include "base/mutex.h"
#include "control/reconcile/assign.h"
#include "resources/mirror.h"

namespace hf::control {
namespace {

// How long at most between two rounds: leases end and failed writes are tried again.
constexpr Duration kRound = std::chrono::seconds(2);

resources::WriteOptions as_reconciler() {
    resources::WriteOptions options;
    options.who = api::Identity::of_system("reconciler");
    return options;
}

resources::ObjectKey service_key(const std::string& key) {
    const std::size_t slash = key.find('/');
    return {&api::service_kind(), key.substr(0, slash), key.substr(slash + 1)};
}

class RealReconciler final : public Reconciler {
public:
    RealReconciler(resources::Resources& resources, std::function<void(const Status&)> on_trouble)
        : resources_(resources),
          on_trouble_(std::move(on_trouble)),
          nodes_(resources, api::node_kind(), waker()),
          services_(resources, api::service_kind(), waker()) {}

    void begin() {
        thread_ = std::thread([this] {
            pthread_setname_np(pthread_self(), "hf-reconcile");
            run();
        });
    }

    ~RealReconciler() override {
        {
            const MutexLock lock(mutex_);
            stopping_ = true;
        }
        changed_.notify_all();
        thread_.join();
    }

private:
    std::function<void()> waker() {
        return [this] {
            {
                const MutexLock lock(mutex_);
                news_ = true;
            }
            changed_.notify_all();
        };
    }

    void run() {
        MutexLock lock(mutex_);
        while (!stopping_) {
            news_ = false;
            lock.unlock();
            // What fails now is found again in the next round.
            note_trouble(assign());
            note_trouble(resources_.store().expire_leases());
            note_trouble(resources_.maintain());
            lock.lock();
            changed_.wait_for(lock, kRound,
                              [&]() HF_REQUIRES(mutex_) { return stopping_ || news_; });
        }
    }

    void note_trouble(const Status& trouble) {
        if (trouble.ok() || trouble == last_trouble_) return;
        last_trouble_ = trouble;
        if (on_trouble_) on_trouble_(trouble);
    }

    Status assign() {
        HF_TRY(nodes_.update());
        HF_TRY(services_.update());
        std::vector<NodeFacts> nodes;
        for (const auto& [key, node] : nodes_.objects()) {
            nodes.push_back({key, api::is_true(node, "Ready") && !node.being_removed()});
        }
        std::vector<ServiceFacts> services;
        for (const auto& [key, service] : services_.objects()) {
            services.push_back({key, std::string(json::get_string(service.status(), "node")),
                                service.being_removed()});
        }
        for (const Assignment& change : assign_services(nodes, services)) HF_TRY(write(change));
        return {};
    }

    Status write(const Assignment& change) {
        const Result<api::Object> written = resources_.modify_status(
            service_key(change.service), options_, [&](api::Object& service) -> Status {
                json::Object& status = service.edit_status();
                if (change.node.empty()) {
                    status.erase("node");
                } else {
                    status["node"] = change.node;
                }
                return {};
            });
        if (written.status().code() == Code::kNotFound) return {};
        HF_TRY(written.status());
        resources::EventNote note;
        note.reason = change.node.empty() ? "Unassigned" : "Assigned";
        note.type = change.node.empty() ? "Warning" : "Normal";
        note.message = change.why;
        note.component = "reconciler";
        return resources_.record_event(*written, note);
    }

    resources::Resources& resources_;
    const std::function<void(const Status&)> on_trouble_;
    Status last_trouble_;
    const resources::WriteOptions options_ = as_reconciler();
    resources::Mirror nodes_;     // the thread's
    resources::Mirror services_;  // the thread's

    Mutex mutex_;
    ConditionVariable changed_;
    bool stopping_ HF_GUARDED_BY(mutex_) = false;
    bool news_ HF_GUARDED_BY(mutex_) = false;

    std::thread thread_;
};

}  // namespace

std::unique_ptr<Reconciler> Reconciler::start(resources::Resources& resources,
                                              std::function<void(const Status&)> on_trouble) {
    auto reconciler = std::make_unique<RealReconciler>(resources, std::move(on_trouble));
    reconciler->begin();
    return reconciler;
}

}  // namespace hf::control
