#include "node/agent.h"

#include <pthread.h>

#include <deque>
#include <thread>

#include "api/names.h"
#include "base/mutex.h"
#include "env/time_zones.h"
#include "node/brain.h"
#include "node/link.h"
#include "node/troubles.h"

namespace hf::node {
namespace {

// How often versions that are watched are asked how they answer, and others what they are asked.
constexpr Duration kWatchEvery = std::chrono::milliseconds(500);

Running describe(const Steps::Candidate& candidate) {
    Running running;
    running.digest = candidate.digest;
    running.signer = candidate.signer;
    running.format = candidate.packed.format;
    running.url = candidate.url;
    running.device = candidate.device;
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
          host_(world.steps.host),
          steps_(world.steps),
          brain_({options_.facts, options_.report_every}) {}

    ~RealAgent() override {
        {
            const MutexLock lock(mutex_);
            stopping_ = true;
        }
        changed_.notify_all();
        if (loop_.joinable()) loop_.join();
        if (worker_.joinable()) worker_.join();
        if (profiler_.joinable()) profiler_.join();
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
        if (options_.profile) profiler_ = std::thread([this] { run_profiler(); });
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
            if (action.kind == Action::Kind::kCascade) {
                steps_.cascade(action.wish);
                continue;
            }
            Finished finished{steps_.perform(action), action.wish, std::nullopt};
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

    // The profiler's thread.
    void run_profiler() {
        pthread_setname_np(pthread_self(), "hf-node-profile");
        Profile profile = options_.profile();
        {
            const MutexLock lock(mutex_);
            profile_ = std::move(profile);
        }
        changed_.notify_all();
    }

    // Before the loop's thread is there: what was followed and what answered before the restart.
    void recall() {
        const Result<Bytes> bytes = files_.read(memory_path_, kMaxMemoryBytes);
        if (bytes.status().code() == Code::kNotFound) return;
        Result<Memory> memory = bytes.ok() ? read_memory(as_text(*bytes)) : bytes.status();
        if (!memory.ok()) {
            note_trouble(Status(memory.status()).context("{}", memory_path_));
            return;
        }
        brain_.recall(std::move(*memory), clock_.now());
    }

    // Everything below: the loop's thread.

    void run_loop() {
        MutexLock lock(mutex_);
        while (!stopping_) {
            Brain::Input input;
            input.finished.swap(finished_);
            input.node.swap(news_);
            input.profile.swap(profile_);
            lock.unlock();
            for (const std::string& service : brain_.watched()) {
                if (const auto answers = host_.answers(service)) input.answers[service] = *answers;
            }
            for (const std::string& service : brain_.measured()) {
                if (const auto traffic = host_.traffic(service)) input.traffic[service] = *traffic;
            }
            input.pace = link_->pace();
            carry_out(brain_.step(std::move(input), clock_.now()));
            if (TimeZones zones = find_time_zones(); !zones.empty()) {
                Brain::Input found;
                found.time_zones = std::move(zones);
                carry_out(brain_.step(std::move(found), clock_.now()));
            }
            const Instant now = clock_.now();
            Duration patience = brain_.next(now) - now;
            if (!brain_.watched().empty() || !brain_.measured().empty())
                patience = std::min(patience, kWatchEvery);
            lock.lock();
            changed_.wait_for(lock, patience, [&]() HF_REQUIRES(mutex_) {
                return stopping_ || news_ || profile_ || !finished_.empty();
            });
        }
    }

    // Those that the brain asks for and this machine knows.
    TimeZones find_time_zones() {
        TimeZones zones;
        for (const std::string& name : brain_.unknown_time_zones()) {
            Result<TimeZone> zone = env::read_time_zone(files_, name);
            if (zone.ok()) {
                zones.emplace(name, std::move(*zone));
            } else {
                note_trouble(zone.status());
            }
        }
        return zones;
    }

    void carry_out(Effects effects) {
        // A node that cannot remember goes on; it says so.
        if (effects.memory) {
            const Status kept =
                files_.write(memory_path_, as_bytes(*effects.memory), env::Access::kPrivate)
                    .context("what was ordered cannot be kept for a restart");
            if (!kept.ok()) brain_.note_memory_not_kept(clock_.now());
            note_trouble(kept);
        }
        if (!effects.work.empty()) {
            {
                const MutexLock lock(mutex_);
                for (Action& action : effects.work) work_.push_back(std::move(action));
            }
            changed_.notify_all();
        }
        for (const ServiceEvent& event : effects.events) link_->tell(event);
        if (effects.status) link_->publish(brain_.status(link_->account(), clock_.now()));
        for (const Status& trouble : effects.troubles) note_trouble(trouble);
    }

    void note_trouble(const Status& trouble) {
        if (trouble.ok() || !troubles_.is_news(trouble, clock_.monotonic())) return;
        if (options_.on_trouble) options_.on_trouble(trouble);
    }

    const AgentOptions options_;
    const std::string memory_path_;
    env::Clock& clock_;
    env::Files& files_;
    ControlPlane& control_plane_;
    ModelHost& host_;
    Steps steps_;  // the worker's

    // The loop's.
    Brain brain_;
    Troubles troubles_;

    Mutex mutex_;
    ConditionVariable changed_;
    bool stopping_ HF_GUARDED_BY(mutex_) = false;
    std::optional<api::Object> news_ HF_GUARDED_BY(mutex_);
    std::deque<Action> work_ HF_GUARDED_BY(mutex_);
    std::optional<Profile> profile_ HF_GUARDED_BY(mutex_);
    std::vector<Finished> finished_ HF_GUARDED_BY(mutex_);

    std::unique_ptr<Outbox> outbox_;  // the link's
    std::unique_ptr<Link> link_;
    std::thread loop_;
    std::thread worker_;
    std::thread profiler_;
};

}  // namespace

Result<std::unique_ptr<Agent>> Agent::start(World world, AgentOptions options) {
    HF_TRY(api::check_name(options.name).context("the node's name"));
    auto agent = std::make_unique<RealAgent>(world, std::move(options));
    HF_TRY(agent->start());
    return std::unique_ptr<Agent>(std::move(agent));
}

}  // namespace hf::node
