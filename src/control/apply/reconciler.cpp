#include "control/apply/reconciler.h"

#include <pthread.h>

#include <algorithm>
#include <map>
#include <set>
#include <thread>

#include "base/mutex.h"
#include "control/apply/round.h"
#include "control/apply/waker.h"

namespace hf::control {
namespace {

// The pause after a round is as long as the round was, up to this: of one processor half is for
// those whose news the next round takes up together.
constexpr Duration kRestMax = std::chrono::milliseconds(500);

class RealReconciler final : public Reconciler {
public:
    RealReconciler(resources::Resources& resources, ReconcilerOptions options)
        : resources_(resources),
          options_(std::move(options)),
          round_(resources, {options_.resolve, options_.time_zone, options_.node_term,
                             options_.server, waker_.callback()}) {}

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
        waker_.close();
    }

    void look() override {
        {
            const MutexLock lock(mutex_);
            news_ = true;
        }
        changed_.notify_all();
    }

    Duration heard(const std::string& node) override {
        const Duration now = resources_.clock().monotonic();
        Duration every{};
        {
            const MutexLock lock(mutex_);
            every = every_;
            heard_[node] = now;
            parted_.erase(node);
            if (!lost_.contains(node)) return every;
            lost_.erase(node);
            news_ = true;
        }
        changed_.notify_all();
        return every;
    }

    void parted(const std::string& node) override {
        {
            const MutexLock lock(mutex_);
            parted_[node] = resources_.clock().monotonic();
            news_ = true;
        }
        changed_.notify_all();
    }

private:
    void run() {
        MutexLock lock(mutex_);
        while (!stopping_) {
            news_ = false;
            std::map<std::string, Duration> heard;
            heard.swap(heard_);
            std::map<std::string, Duration> parted;
            parted.swap(parted_);
            const Duration begun = resources_.clock().monotonic();
            lock.unlock();
            for (const auto& [node, at] : heard) round_.heard(node, at);
            for (const auto& [node, at] : parted) round_.parted(node, at);
            // What fails now is found again in the next round.
            if (leads()) {
                note_trouble(round_.reconcile(begun));
                note_trouble(round_.maintain(begun));
            }
            const Duration now = resources_.clock().monotonic();
            const Duration patience = round_.next(now) - now;
            const Duration rest = std::min(now - begun, kRestMax);
            lock.lock();
            lost_ = round_.lost();
            every_ = round_.heartbeat_every();
            // Heard while the round went on, too late for it.
            for (const auto& [node, at] : heard_) news_ = news_ || lost_.contains(node);
            changed_.wait_for(lock, rest, [&]() HF_REQUIRES(mutex_) { return stopping_; });
            changed_.wait_for(lock, patience - rest,
                              [&]() HF_REQUIRES(mutex_) { return stopping_ || news_; });
        }
    }

    bool leads() const { return !options_.leads || options_.leads(); }

    void note_trouble(const Status& trouble) {
        // Another server leads now, and sees to it.
        if (trouble.code() == Code::kFailedPrecondition && !leads()) return;
        if (trouble.ok() || trouble == last_trouble_) return;
        last_trouble_ = trouble;
        if (options_.on_trouble) options_.on_trouble(trouble);
    }

    resources::Resources& resources_;
    const ReconcilerOptions options_;
    Status last_trouble_;
    Waker waker_{[this] { look(); }};
    Round round_;  // the thread's

    Mutex mutex_;
    ConditionVariable changed_;
    bool stopping_ HF_GUARDED_BY(mutex_) = false;
    bool news_ HF_GUARDED_BY(mutex_) = false;
    std::map<std::string, Duration> heard_ HF_GUARDED_BY(mutex_);  // since the last round began
    std::map<std::string, Duration> parted_ HF_GUARDED_BY(mutex_);
    Duration every_ HF_GUARDED_BY(mutex_) = kHeartbeatEvery;
    std::set<std::string> lost_ HF_GUARDED_BY(mutex_);  // machines whose next heartbeat is news

    std::thread thread_;
};

}  // namespace

std::unique_ptr<Reconciler> Reconciler::start(resources::Resources& resources,
                                              ReconcilerOptions options) {
    auto reconciler = std::make_unique<RealReconciler>(resources, std::move(options));
    reconciler->begin();
    return reconciler;
}

}  // namespace hf::control
