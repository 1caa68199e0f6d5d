#include "control/apply/reconciler.h"

#include <pthread.h>

#include <set>
#include <thread>

#include "api/conditions.h"
#include "base/mutex.h"
#include "control/apply/presence.h"
#include "control/apply/removals.h"
#include "control/apply/rollouts.h"
#include "control/apply/versions.h"
#include "control/apply/waker.h"
#include "control/reconcile/service_status.h"
#include "resources/mirror.h"

namespace hf::control {
namespace {

// How long at most between two rounds: leases end and failed writes are tried again.
constexpr Duration kRound = std::chrono::seconds(2);

constexpr std::string_view kComponent = "reconciler";

resources::WriteOptions as_reconciler() {
    resources::WriteOptions options;
    options.who = api::Identity::of_system(kComponent);
    return options;
}

resources::ObjectKey key_of(const api::Kind& kind, const std::string& key) {
    const std::size_t slash = key.find('/');
    if (slash == std::string::npos) return {&kind, "", key};
    return {&kind, key.substr(0, slash), key.substr(slash + 1)};
}

// It went meanwhile: the next round sees that.
Status unless_gone(const Status& written) {
    return written.code() == Code::kNotFound ? Status() : written;
}

class RealReconciler final : public Reconciler {
public:
    RealReconciler(resources::Resources& resources, ReconcilerOptions options)
        : resources_(resources),
          options_(std::move(options)),
          sites_(resources, api::site_kind(), waker_.callback()),
          nodes_(resources, api::node_kind(), waker_.callback()),
          services_(resources, api::service_kind(), waker_.callback()),
          policies_(resources, api::trust_policy_kind(), waker_.callback()),
          changes_(resources, api::rollout_kind(), waker_.callback()),
          elsewhere_(resources.store(), options_.server, waker_.callback()),
          removals_(resources.store()),
          versions_(resources, as_reconciler()),
          rollouts_({resources, as_reconciler(), options_.resolve}),
          liveness_(options_.node_term) {}

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

    void heard(const std::string& node) override {
        const Duration now = resources_.clock().monotonic();
        {
            const MutexLock lock(mutex_);
            liveness_.heard(node, now);
            if (!lost_.contains(node)) return;
            lost_.erase(node);
            news_ = true;
        }
        changed_.notify_all();
    }

private:
    void run() {
        MutexLock lock(mutex_);
        while (!stopping_) {
            news_ = false;
            lock.unlock();
            if (leads()) round();
            lock.lock();
            const Duration now = resources_.clock().monotonic();
            Duration patience = std::min(kRound, liveness_.next(now) - now);
            if (const auto wake = rollouts_.wake()) {
                const Duration left = *wake - resources_.clock().now();
                patience = std::clamp(left, Duration::zero(), patience);
            }
            changed_.wait_for(lock, patience,
                              [&]() HF_REQUIRES(mutex_) { return stopping_ || news_; });
        }
    }

    bool leads() const { return !options_.leads || options_.leads(); }

    // What fails now is found again in the next round.
    void round() {
        note_trouble(reconcile());
        const Result<bool> removed = removals_.any();
        note_trouble(removed.status());
        if (removed.ok() && *removed) resources_.expect_garbage();
        note_trouble(resources_.store().expire_leases());
        note_trouble(resources_.maintain());
    }

    void note_trouble(const Status& trouble) {
        // Another server leads now, and sees to it.
        if (trouble.code() == Code::kFailedPrecondition && !leads()) return;
        if (trouble.ok() || trouble == last_trouble_) return;
        last_trouble_ = trouble;
        if (options_.on_trouble) options_.on_trouble(trouble);
    }

    // Roll-outs before nodes: an order that a roll-out's state does not remember any more is on
    // record then.
    Status read() {
        HF_TRY(changes_.update());
        HF_TRY(sites_.update());
        HF_TRY(nodes_.update());
        HF_TRY(services_.update());
        HF_TRY(policies_.update());
        return {};
    }

    Status reconcile() {
        HF_TRY(read());
        if (HF_TRY(judge_liveness())) HF_TRY(read());
        // A roll-out that cannot go on holds up nothing else.
        note_trouble(rollouts_.run({changes_.objects(), nodes_.objects(), services_.objects()}));
        HF_TRY(read());
        const Orders orders =
            HF_TRY(decide_orders({sites_.objects(), nodes_.objects(), services_.objects(),
                                  policies_.objects(), rollouts_.rolling()},
                                 options_.resolve));
        HF_TRY(write_orders(orders));
        HF_TRY(read());
        HF_TRY(write_statuses(orders.plan));
        return versions_.record(nodes_.objects());
    }

    // Whether any machine was lost or found.
    Result<bool> judge_liveness() {
        std::map<std::string, bool> known;
        for (const auto& [name, node] : nodes_.objects()) known[name] = api::is_true(node, "Ready");
        std::set<std::string> elsewhere;
        if (!options_.server.empty()) elsewhere = HF_TRY(elsewhere_.update());
        std::vector<Liveness::Change> changes;
        {
            const MutexLock lock(mutex_);
            const Duration now = resources_.clock().monotonic();
            for (const std::string& node : elsewhere) liveness_.heard(node, now);
            changes = liveness_.update(known, resources_.clock().monotonic());
            // Those whose next heartbeat is news; the others' are only counted.
            lost_.clear();
            for (const auto& [name, ready] : known) {
                if (!ready) lost_.insert(name);
            }
        }
        for (const Liveness::Change& change : changes) HF_TRY(write_liveness(change));
        return !changes.empty();
    }

    Status write_liveness(const Liveness::Change& change) {
        const Instant now = resources_.clock().now();
        const auto edit = [&](api::Object& node) -> Status {
            const api::Condition alive{
                "Ready", api::Truth::kTrue, "AgentRuns", "the agent takes services", 0, {}};
            const api::Condition lost{"Ready",    api::Truth::kUnknown,
                                      "NodeLost", "no heartbeat has come for a while",
                                      0,          {}};
            api::set_condition(node, change.alive ? alive : lost, now);
            return {};
        };
        const Result<api::Object> written =
            resources_.modify_status({&api::node_kind(), "", change.node}, write_, edit);
        if (!written.ok()) return unless_gone(written.status());
        {
            const MutexLock lock(mutex_);
            if (change.alive) {
                lost_.erase(change.node);
            } else {
                lost_.insert(change.node);
            }
        }
        return tell(*written, !change.alive, change.alive ? "NodeReady" : "NodeLost",
                    change.alive ? "the node is heard" : "no heartbeat has come for a while");
    }

    Status write_orders(const Orders& orders) {
        for (const auto& [service, epoch] : orders.epochs) {
            const auto edit = [&](api::Object& object) -> Status {
                json::Object& status = object.edit_status();
                status["epoch"] = std::max(epoch, json::get_int(object.status(), "epoch"));
                return {};
            };
            HF_TRY(unless_gone(
                resources_.modify_status(key_of(api::service_kind(), service), write_, edit)
                    .status()));
        }
        for (const NodeOrders& each : orders.nodes) {
            const auto edit = [&](api::Object& node) -> Status {
                json::Object& spec = node.edit_spec();
                spec["services"] = each.services;
                spec["trustPolicies"] = each.policies;
                return {};
            };
            HF_TRY(unless_gone(
                resources_.modify({&api::node_kind(), "", each.node}, write_, edit).status()));
        }
        return {};
    }

    Status write_statuses(const place::Plan& plan) {
        for (const place::ServicePlan& each : plan.services) {
            const api::Object* service = services_.find(each.service);
            if (!service) continue;
            const Instant now = resources_.clock().now();
            if (with_status(*service, each, nodes_.objects(), now) == *service) continue;
            const auto before = api::find_condition(*service, "Placed");
            const auto edit = [&](api::Object& object) -> Status {
                object = with_status(object, each, nodes_.objects(), now);
                return {};
            };
            const Result<api::Object> written =
                resources_.modify_status(key_of(api::service_kind(), each.service), write_, edit);
            if (!written.ok()) {
                HF_TRY(unless_gone(written.status()));
                continue;
            }
            const auto after = api::find_condition(*written, "Placed");
            const bool news = !before || before->message != after->message;
            if (news) {
                HF_TRY(tell(*written, after->status != api::Truth::kTrue, after->reason,
                            after->message));
            }
        }
        return {};
    }

    Status tell(const api::Object& about, bool warning, const std::string& reason,
                const std::string& message) {
        resources::EventNote note;
        note.type = warning ? "Warning" : "Normal";
        note.reason = reason;
        note.message = message;
        note.component = kComponent;
        return resources_.record_event(about, note);
    }

    resources::Resources& resources_;
    const ReconcilerOptions options_;
    Status last_trouble_;
    const resources::WriteOptions write_ = as_reconciler();

    Waker waker_{[this] { look(); }};

    // The thread's.
    resources::Mirror sites_;
    resources::Mirror nodes_;
    resources::Mirror services_;
    resources::Mirror policies_;
    resources::Mirror changes_;
    HeardElsewhere elsewhere_;
    Removals removals_;
    VersionRecorder versions_;
    Rollouts rollouts_;

    Mutex mutex_;
    ConditionVariable changed_;
    bool stopping_ HF_GUARDED_BY(mutex_) = false;
    bool news_ HF_GUARDED_BY(mutex_) = false;
    Liveness liveness_ HF_GUARDED_BY(mutex_);
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
