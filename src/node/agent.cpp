#include "node/agent.h"

#include <pthread.h>

#include <deque>
#include <thread>

#include "api/conditions.h"
#include "api/kinds.h"
#include "api/names.h"
#include "base/mutex.h"
#include "node/publish.h"
#include "resources/mirror.h"

namespace hf::node {
namespace {

// What could not be written is tried again after this long.
constexpr Duration kPublishAgain = std::chrono::seconds(1);

// What the worker has done, with what the status shall say of it.
struct Finished {
    Done done;
    std::optional<Running> running;
};

Running describe(const Steps::Candidate& candidate) {
    Running running;
    running.digest = candidate.digest;
    running.signer = candidate.signer;
    running.format = candidate.packed.format;
    running.url = candidate.url;
    if (candidate.model) running.device = std::string(candidate.model->device());
    for (const vault::PackedFile& file : candidate.packed.files) {
        running.size_bytes += file.size_bytes;
    }
    return running;
}

class RealAgent final : public Agent {
public:
    RealAgent(Steps::World world, AgentOptions options)
        : options_(std::move(options)),
          clock_(world.clock),
          steps_(world),
          publisher_(world.resources, options_.name),
          services_(world.resources, api::service_kind(), [this] { wake(); }),
          policies_(world.resources, api::trust_policy_kind(), [this] { wake(); }) {}

    ~RealAgent() override {
        {
            const MutexLock lock(mutex_);
            stopping_ = true;
        }
        changed_.notify_all();
        if (loop_.joinable()) loop_.join();
        if (worker_.joinable()) worker_.join();
    }

    Status start() {
        HF_TRY(publisher_.publish_node(options_.facts, {}, clock_.now()));
        next_heartbeat_ = clock_.now() + options_.heartbeat;
        loop_ = std::thread([this] {
            pthread_setname_np(pthread_self(), "hf-node");
            run_loop();
        });
        worker_ = std::thread([this] {
            pthread_setname_np(pthread_self(), "hf-node-work");
            run_worker();
        });
        return {};
    }

private:
    void wake() {
        {
            const MutexLock lock(mutex_);
            news_ = true;
        }
        changed_.notify_all();
    }

    // The worker's thread.
    void run_worker() {
        for (;;) {
            Action action;
            {
                MutexLock lock(mutex_);
                changed_.wait(lock,
                              [&]() HF_REQUIRES(mutex_) { return stopping_ || !work_.empty(); });
                if (stopping_) return;
                action = std::move(work_.front());
                work_.pop_front();
            }
            if (action.kind == Action::Kind::kRetire) {
                steps_.retire(action.service);
                continue;
            }
            Finished finished{steps_.perform(action), std::nullopt};
            if (const Steps::Candidate* candidate = steps_.candidate(action.service)) {
                finished.running = describe(*candidate);
            }
            {
                const MutexLock lock(mutex_);
                finished_.push_back(std::move(finished));
            }
            changed_.notify_all();
        }
    }

    // Everything below: the loop's thread.

    void run_loop() {
        MutexLock lock(mutex_);
        while (!stopping_) {
            std::deque<Finished> finished;
            finished.swap(finished_);
            news_ = false;
            lock.unlock();
            for (Finished& each : finished) take(std::move(each));
            follow_wishes();
            carry_out(on_tick(state_, clock_.now()));
            publish();
            lock.lock();
            const Duration patience = until_next();
            changed_.wait_for(lock, patience, [&]() HF_REQUIRES(mutex_) {
                return stopping_ || news_ || !finished_.empty();
            });
        }
    }

    Duration until_next() const {
        Instant next = next_heartbeat_;
        if (const auto tick = next_tick(state_)) next = std::min(next, *tick);
        if (!unpublished_.empty() || unread_) next = std::min(next, clock_.now() + kPublishAgain);
        return std::max(Duration::zero(), next - clock_.now());
    }

    void take(Finished finished) {
        const Done& done = finished.done;
        if (finished.running && done.status.ok()) {
            if (done.step == Step::kActivate) running_[done.service] = *finished.running;
            if (done.step == Step::kVerify) {
                if (const api::Object* service = services_.find(done.service)) {
                    publisher_.publish_version(*service, *finished.running);
                }
            }
        }
        carry_out(on_done(state_, done, clock_.now()));
    }

    void follow_wishes() {
        const Result<std::set<std::string>> policies = policies_.update();
        const Result<std::set<std::string>> services = services_.update();
        unread_ = !policies.ok() || !services.ok();
        if (unread_) return note_trouble(policies.ok() ? services.status() : policies.status());
        std::set<std::string> changed = *services;
        if (!policies->empty()) {
            for (const auto& [key, service] : services_.objects()) changed.insert(key);
        }
        for (const std::string& key : changed) {
            const api::Object* service = services_.find(key);
            if (service && is_mine(*service)) {
                carry_out(on_wish(state_, wish_of(key, *service), clock_.now()));
            } else {
                running_.erase(key);
                unpublished_.erase(key);
                carry_out(on_gone(state_, key));
            }
        }
    }

    bool is_mine(const api::Object& service) const {
        return json::get_string(service.status(), "node") == options_.name &&
               !service.being_removed();
    }

    Wish wish_of(const std::string& key, const api::Object& service) const {
        Wish wish;
        wish.service = key;
        wish.generation = service.generation();
        wish.reference = std::string(json::get_string(service.spec(), "model"));
        wish.device = std::string(json::get_string(service.spec(), "device", "auto"));
        wish.policy = std::string(json::get_string(service.spec(), "trustPolicy", "default"));
        if (const api::Object* policy = policies_.find(wish.policy)) {
            wish.policy_version = fmt::format("{}/{}", policy->uid(), policy->generation());
        }
        return wish;
    }

    void carry_out(const Actions& actions) {
        for (const Action& action : actions) {
            switch (action.kind) {
                case Action::Kind::kRun:
                case Action::Kind::kRetire: {
                    const MutexLock lock(mutex_);
                    work_.push_back(action);
                    break;
                }
                case Action::Kind::kReport: unpublished_.insert(action.service); break;
                case Action::Kind::kEvent:
                    if (const api::Object* service = services_.find(action.service)) {
                        publisher_.tell(*service, action);
                    }
            }
        }
        changed_.notify_all();
    }

    void publish() {
        const Instant now = clock_.now();
        for (auto at = unpublished_.begin(); at != unpublished_.end();) {
            const auto slot = state_.slots.find(*at);
            const api::Object* service = services_.find(*at);
            const bool done =
                slot == state_.slots.end() || !service ||
                publisher_.publish_service(*service, slot->second, running_of(*at)).ok();
            at = done ? unpublished_.erase(at) : std::next(at);
        }
        if (now < next_heartbeat_) return;
        next_heartbeat_ = now + options_.heartbeat;
        // A heartbeat that could not be written is followed by the next one.
        note_trouble(publisher_.publish_node(options_.facts, running_, now).context("heartbeat"));
    }

    void note_trouble(const Status& trouble) {
        if (!trouble.ok() && trouble != last_trouble_ && options_.on_trouble) {
            options_.on_trouble(trouble);
        }
        if (!trouble.ok()) last_trouble_ = trouble;
    }

    Running running_of(const std::string& service) const {
        const auto found = running_.find(service);
        return found == running_.end() ? Running() : found->second;
    }

    const AgentOptions options_;
    env::Clock& clock_;
    Steps steps_;  // the worker's

    // The loop's.
    Publisher publisher_;
    resources::Mirror services_;
    resources::Mirror policies_;
    State state_;
    std::map<std::string, Running> running_;
    std::set<std::string> unpublished_;
    bool unread_ = false;  // the store did not answer
    Status last_trouble_;
    Instant next_heartbeat_;

    Mutex mutex_;
    ConditionVariable changed_;
    bool stopping_ HF_GUARDED_BY(mutex_) = false;
    bool news_ HF_GUARDED_BY(mutex_) = false;
    std::deque<Action> work_ HF_GUARDED_BY(mutex_);
    std::deque<Finished> finished_ HF_GUARDED_BY(mutex_);

    std::thread loop_;
    std::thread worker_;
};

}  // namespace

Result<std::unique_ptr<Agent>> Agent::start(Steps::World world, AgentOptions options) {
    HF_TRY(api::check_name(options.name).context("the node's name"));
    auto agent = std::make_unique<RealAgent>(world, std::move(options));
    HF_TRY(agent->start());
    return std::unique_ptr<Agent>(std::move(agent));
}

}  // namespace hf::node
