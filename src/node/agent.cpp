#include "node/agent.h"

#include <pthread.h>

#include <deque>
#include <set>
#include <thread>

#include "api/names.h"
#include "base/mutex.h"
#include "node/desired.h"
#include "node/link.h"

namespace hf::node {
namespace {

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
    RealAgent(World world, AgentOptions options)
        : options_(std::move(options)),
          memory_path_(options_.folder + "/node.json"),
          clock_(world.steps.clock),
          files_(world.files),
          control_plane_(world.control_plane),
          steps_(world.steps) {}

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
        outbox_ = HF_TRY(Outbox::open(files_, options_.folder + "/outbox.log", {}));
        recall();
        Link::Options link;
        link.heartbeat = options_.heartbeat;
        link.seed = options_.seed;
        link.on_trouble = options_.on_trouble;
        link.on_node = [this](const api::Object& node) {
            {
                const MutexLock lock(mutex_);
                news_ = node;
            }
            changed_.notify_all();
        };
        link_ =
            std::make_unique<Link>(Link::World{control_plane_, *outbox_, clock_}, std::move(link));
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

    // Before the loop's thread is there: what was followed and what answered before the restart.
    // What answered comes up first, so that an order which is refused leaves no gap.
    void recall() {
        const Result<Bytes> bytes = files_.read(memory_path_, kMaxMemoryBytes);
        if (bytes.status().code() == Code::kNotFound) return;
        Result<Memory> memory = bytes.ok() ? read_memory(as_text(*bytes)) : bytes.status();
        if (!memory.ok()) {
            note_trouble(Status(memory.status()).context("{}", memory_path_));
            return;
        }
        memory_ = std::move(*memory);
        for (const auto& [service, refusals] : memory_.refusals) {
            state_.slots[service].refusals = refusals;
        }
        for (const auto& [service, wish] : memory_.active) {
            recalled_.insert(service);
            carry_out(on_wish(state_, wish, clock_.now()));
        }
        Result<Desired> desired = read_desired(memory_.node);
        if (!desired.ok()) return note_trouble(desired.status());
        followed_ = std::move(*desired);
        unapplied_ = true;
    }

    // Everything below: the loop's thread.

    void run_loop() {
        MutexLock lock(mutex_);
        while (!stopping_) {
            std::deque<Finished> finished;
            finished.swap(finished_);
            std::optional<api::Object> news;
            news.swap(news_);
            lock.unlock();
            for (Finished& each : finished) take(std::move(each));
            if (news) follow(*news);
            // Until what answered before the restart answers again, new orders wait.
            if (unapplied_ && recalled_.empty()) apply();
            carry_out(on_tick(state_, clock_.now()));
            report();
            lock.lock();
            const Duration patience = until_next();
            changed_.wait_for(lock, patience, [&]() HF_REQUIRES(mutex_) {
                return stopping_ || news_ || !finished_.empty();
            });
        }
    }

    Duration until_next() const {
        Instant next = next_report_;
        if (const auto tick = next_tick(state_)) next = std::min(next, *tick);
        return std::max(Duration::zero(), next - clock_.now());
    }

    void take(Finished finished) {
        const Done& done = finished.done;
        const auto slot = state_.slots.find(done.service);
        const Wish wish = slot == state_.slots.end() ? Wish() : slot->second.wish;
        if (finished.running && done.status.ok() && done.step == Step::kActivate) {
            running_[done.service] = *finished.running;
            remember_active(wish, done.digest);
        }
        carry_out(on_done(state_, done, clock_.now()));
        if (slot == state_.slots.end() || slot->second.settled || slot->second.retry_at) {
            recalled_.erase(done.service);
        }
        if (slot != state_.slots.end() &&
            slot->second.refusals.size() != memory_.refusals[done.service].size()) {
            memory_.refusals[done.service] = slot->second.refusals;
            save();
        }
    }

    void remember_active(Wish wish, const std::string& digest) {
        if (wish.service.empty()) return;
        wish.digest = digest;
        Wish& known = memory_.active[wish.service];
        if (known == wish) return;
        known = std::move(wish);
        save();
    }

    void follow(const api::Object& node) {
        Result<Desired> desired = read_desired(node);
        if (!desired.ok()) return note_trouble(desired.status());
        if (followed_) {
            const Status follows = check_follows(*followed_, *desired);
            if (!follows.ok()) return note_trouble(follows);
        }
        const bool is_new = !followed_ || followed_->uid != desired->uid ||
                            followed_->generation != desired->generation;
        followed_ = std::move(*desired);
        if (!is_new) return;
        if (memory_.node.uid() != node.uid() || memory_.node.generation() != node.generation()) {
            memory_.node = node;
            save();
        }
        unapplied_ = true;
    }

    void apply() {
        unapplied_ = false;
        for (const auto& [service, wish] : followed_->wishes) {
            carry_out(on_wish(state_, wish, clock_.now()));
        }
        std::vector<std::string> gone;
        for (const auto& [service, slot] : state_.slots) {
            if (!followed_->wishes.contains(service)) gone.push_back(service);
        }
        for (const std::string& service : gone) forget(service);
        changed_status_ = true;
    }

    void forget(const std::string& service) {
        running_.erase(service);
        memory_.active.erase(service);
        memory_.refusals.erase(service);
        carry_out(on_gone(state_, service));
        save();
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
                case Action::Kind::kReport: changed_status_ = true; break;
                case Action::Kind::kEvent: tell(action);
            }
        }
        changed_.notify_all();
    }

    void tell(const Action& action) {
        const auto slot = state_.slots.find(action.service);
        if (!link_ || slot == state_.slots.end()) return;
        link_->tell(
            {action.service, slot->second.wish.uid, action.warning, action.reason, action.message});
    }

    void report() {
        const Instant now = clock_.now();
        if (!changed_status_ && now < next_report_) return;
        changed_status_ = false;
        next_report_ = now + options_.report_every;
        link_->publish(node_status({options_.facts, state_, running_, link_->account(),
                                    followed_ ? followed_->generation : 0},
                                   now));
    }

    // A node that cannot remember goes on; it says so.
    void save() {
        const std::string text = write_memory(memory_);
        note_trouble(files_.write(memory_path_, as_bytes(text), env::Access::kPrivate)
                         .context("what was ordered cannot be kept for a restart"));
    }

    void note_trouble(const Status& trouble) {
        if (trouble.ok() || trouble == last_trouble_) return;
        last_trouble_ = trouble;
        if (options_.on_trouble) options_.on_trouble(trouble);
    }

    const AgentOptions options_;
    const std::string memory_path_;
    env::Clock& clock_;
    env::Files& files_;
    ControlPlane& control_plane_;
    Steps steps_;  // the worker's

    // The loop's.
    Memory memory_;
    std::optional<Desired> followed_;  // the orders, as far as they are known
    bool unapplied_ = false;           // they have not become wishes yet
    State state_;
    std::map<std::string, Running> running_;
    std::set<std::string> recalled_;  // services that come up as they were before the restart
    bool changed_status_ = true;
    Status last_trouble_;
    Instant next_report_;

    Mutex mutex_;
    ConditionVariable changed_;
    bool stopping_ HF_GUARDED_BY(mutex_) = false;
    std::optional<api::Object> news_ HF_GUARDED_BY(mutex_);
    std::deque<Action> work_ HF_GUARDED_BY(mutex_);
    std::deque<Finished> finished_ HF_GUARDED_BY(mutex_);

    std::unique_ptr<Outbox> outbox_;  // the link's
    std::unique_ptr<Link> link_;
    std::thread loop_;
    std::thread worker_;
};

}  // namespace

Result<std::unique_ptr<Agent>> Agent::start(World world, AgentOptions options) {
    HF_TRY(api::check_name(options.name).context("the node's name"));
    auto agent = std::make_unique<RealAgent>(world, std::move(options));
    HF_TRY(agent->start());
    return std::unique_ptr<Agent>(std::move(agent));
}

}  // namespace hf::node
