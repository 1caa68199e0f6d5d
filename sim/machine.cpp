#include "sim/machine.h"

#include <limits>

#include "node/residency.h"

namespace hf::sim {

using namespace std::chrono_literals;

namespace {

constexpr std::string_view kFolder = "/n";
constexpr std::string_view kMemory = "/n/node.json";
constexpr Duration kSettleTime = 60s;  // after a start
// Callers come for a while after a version begins to answer.
constexpr Duration kCalledFor = 12s;
constexpr Duration kMeasureEvery = 1s;
constexpr Duration kMeasureLoadEvery = 3s;
constexpr std::uint64_t kRequests = 20;  // in that time
constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

node::NodeFacts facts_of(const Machine::Place& place) {
    node::NodeFacts facts;
    facts.cpus = 4;
    facts.memory_bytes = std::int64_t{8} << 30;
    facts.architecture = "x86_64";
    facts.version = "sim";
    facts.url = "http://" + place.name;
    facts.jurisdiction = place.jurisdiction;
    return facts;
}

}  // namespace

Machine::Machine(const World& world, Place place)
    : context_(world.context),
      network_(world.network),
      server_(world.server),
      place_(std::move(place)),
      checks_(context_, place_.name, place_.jurisdiction),
      dies_at_(kNever) {
    const Status made = files_.create_directories(kFolder);
    HF_CHECK(made.ok());
}

void Machine::boot() {
    if (process_) return;
    context_.trace.note("{} boots", place_.name);
    ++life_;
    files_.restart();
    dies_at_ = kNever;
    auto outbox = node::Outbox::open(files_, "/n/outbox.log", {});
    if (!outbox.ok()) {
        context_.trace.breach("outbox", "{}: {}", place_.name, outbox.status().message());
        return;
    }
    node::Outbox& box = **outbox;
    node::Mail::Options mail;
    mail.seed = context_.dice.next();
    process_ =
        std::make_unique<Process>(Process{std::move(*outbox),
                                          node::Mail(box, mail),
                                          node::Brain({facts_of(place_), std::chrono::seconds(30)}),
                                          {},
                                          {},
                                          {},
                                          {},
                                          {},
                                          {},
                                          false,
                                          false,
                                          false,
                                          Rng(context_.dice.next())});
    checks_.account(process_->mail.account());
    const Result<Bytes> bytes = files_.read(kMemory, node::kMaxMemoryBytes);
    node::Memory memory;
    if (bytes.ok()) {
        Result<node::Memory> read = node::read_memory(as_text(*bytes));
        if (!read.ok()) {
            context_.trace.breach("memory", "{}: {}", place_.name, read.status().message());
            return;
        }
        memory = std::move(*read);
        process_->brain.recall(memory, now());
    }
    checks_.boots(memory);
    think_due_ = Duration::max();
    think_within(Duration::zero());
    post_within(500ms);
    connect();
    settle_within(kSettleTime);
}

// Unless it is still at work by then.
void Machine::settle_within(Duration delay) {
    later(delay, [this] {
        if (process_->busy) return settle_within(1s);
        checks_.settles(process_->brain);
    });
}

void Machine::kill(bool power) {
    if (!process_) return;
    context_.trace.note("{} is killed{}", place_.name, power ? ", power lost" : "");
    process_.reset();
    ++life_;
    server_.unfollow(place_.name);
    context_.demand.ends(place_.name);
    checks_.dies();
    if (!power) return;
    Rng rng(context_.dice.next());
    files_.lose_power(rng);
}

void Machine::boot_within(Duration most) {
    context_.time.after(context_.dice.between(50ms, most), [this] { boot(); });
}

void Machine::trouble_disk(bool fill) {
    if (!process_) return;
    const std::uint64_t changes = context_.dice.below(8);
    if (fill) return files_.fill_after(changes);
    dies_at_ = files_.changes() + changes;
    files_.die_after(changes);
}

void Machine::later(Duration delay, std::function<void()> what) {
    context_.time.after(delay, [this, life = life_, what = std::move(what)] {
        if (process_ && life == life_) what();
    });
}

// Whether the process was killed in a change of the disk that it just asked for.
bool Machine::died() {
    if (!process_) return true;
    if (files_.changes() <= dies_at_) return false;
    kill(context_.dice.strikes(Fault::kPowerLost, 1, 2));
    boot_within(5s);
    return true;
}

void Machine::think_within(Duration delay) {
    const Duration when = context_.time.monotonic() + std::max(Duration::zero(), delay);
    if (when >= think_due_) return;
    think_due_ = when;
    later(delay, [this, ticket = ++think_ticket_] {
        if (ticket == think_ticket_) think();
    });
}

void Machine::think() {
    think_due_ = Duration::max();
    node::Brain::Input input;
    std::swap(input, process_->input);
    node::Effects effects = process_->brain.step(std::move(input), now());
    if (process_->brain.followed()) checks_.follows(*process_->brain.followed());
    carry_out(std::move(effects));
    if (!process_) return;
    measure_within(kMeasureEvery);
    think_within(std::max(Duration(1ms), process_->brain.next(now()) - now()));
}

void Machine::carry_out(node::Effects effects) {
    if (effects.memory) {
        if (context_.plant == Plant::kForget) {
            node::Memory memory = node::read_memory(*effects.memory).value();
            memory.refusals.clear();
            effects.memory = node::write_memory(memory);
        }
        const Status saved =
            files_.write(kMemory, as_bytes(*effects.memory), env::Access::kPrivate);
        if (died()) return;
        if (!saved.ok()) {
            process_->brain.note_memory_not_kept(now());
            context_.trace.note("{}: {}", place_.name, saved.message());
        } else {
            checks_.kept_memory();
        }
    }
    for (node::Action& action : effects.work) {
        checks_.asks(action, process_->brain);
        const auto slot = process_->brain.state().slots.find(action.service);
        if (action.kind == node::Action::Kind::kRun &&
            slot != process_->brain.state().slots.end()) {
            checks_.changes(action, slot->second, now());
        }
        process_->work.push_back(std::move(action));
    }
    for (const node::ServiceEvent& event : effects.events) {
        if (event.reason == "RollingBack") checks_.fails_trial(event.service);
        const Status kept = process_->mail.tell(event, now());
        checks_.told(kept);
        if (died()) return;
        context_.trace.note("{} {}: {} {}", place_.name, event.service, event.reason,
                            event.message);
    }
    if (effects.status) {
        process_->mail.publish(process_->brain.status(process_->mail.account(), now()));
    }
    for (const Status& trouble : effects.troubles) {
        context_.trace.note("{}: {}", place_.name, trouble.message());
        if (trouble.code() == Code::kFailedPrecondition) refuses_orders_ = true;
    }
    checks_.account(process_->mail.account());
    work();
    if (!process_->busy && process_->input.finished.empty()) {
        checks_.idles(process_->brain, process_->answers);
    }
    post(false);
}

void Machine::work() {
    while (!process_->busy && !process_->work.empty()) {
        const node::Action action = std::move(process_->work.front());
        process_->work.pop_front();
        if (action.kind == node::Action::Kind::kRetire) {
            process_->candidates.erase(action.service);
            process_->loads.erase(action.service);
            context_.demand.ends(action.service, place_.name);
            if (process_->answers.erase(action.service) > 0) {
                context_.trace.note("{} retires {}", place_.name, action.service);
            }
            continue;
        }
        if (action.kind == node::Action::Kind::kCascade)
            continue;  // who is unsure is not simulated
        const auto slot = process_->brain.state().slots.find(action.service);
        checks_.runs(action,
                     slot != process_->brain.state().slots.end() && slot->second.falling_back);
        process_->busy = true;
        const bool slow = context_.dice.strikes(Fault::kStepSlow, 1, 40);
        const Duration takes =
            slow ? context_.dice.between(5s, 40s) : context_.dice.between(1ms, 300ms);
        later(takes, [this, action] { finish(action); });
    }
}

void Machine::finish(const node::Action& action) {
    process_->busy = false;
    node::Finished finished;
    finished.wish = action.wish;
    finished.done = {action.service, action.step, action.run, {}, action.digest};
    finished.done.status = perform(action, finished.done.digest);
    finished.done.banned = action.step == node::Step::kResolve &&
                           finished.done.status.code() == Code::kPermissionDenied;
    const auto slot = process_->brain.state().slots.find(action.service);
    const bool counts = slot != process_->brain.state().slots.end() &&
                        slot->second.in_flight_run == action.run && !slot->second.superseded &&
                        !slot->second.falling_back;
    checks_.done(action, finished.done.status, counts);
    const auto candidate = process_->candidates.find(action.service);
    if (candidate != process_->candidates.end()) {
        node::Running running;
        running.digest = candidate->second.digest;
        running.url = "http://" + place_.name + "/" + action.service;
        running.device = "cpu";
        running.format = "onnx";
        finished.running = std::move(running);
    }
    process_->input.finished.push_back(std::move(finished));
    if (action.step == node::Step::kActivate) crash(action);
    think_within(1ms);
    work();
}

// Some versions take the process down with them.
void Machine::crash(const node::Action& action) {
    const Model* model = context_.models.find(action.digest);
    if (!model) return;
    const bool loops = model->loops && crashes_[action.digest] < kLoopsMax;
    if (!loops && !(model->crashes && context_.dice.strikes(Fault::kModelCrashed, 1, 4))) return;
    ++crashes_[action.digest];
    later(context_.dice.between(50ms, 2s),
          [this, service = action.service, digest = action.digest] {
              const auto answer = process_->answers.find(service);
              if (answer == process_->answers.end() || answer->second != digest) return;
              context_.trace.note("{} dies of {}", place_.name, digest.substr(7, 8));
              kill(false);
              boot_within(2s);
          });
}

// While callers come.
void Machine::measure_within(Duration delay) {
    if (process_->measuring) return;
    bool any = false;
    for (const std::string& service : process_->brain.watched()) {
        const auto load = process_->loads.find(service);
        any = any || (load != process_->loads.end() &&
                      context_.time.monotonic() - load->second.begun < kCalledFor);
    }
    if (!any && process_->brain.measured().empty()) return;
    process_->measuring = true;
    later(any ? delay : kMeasureLoadEvery, [this] {
        process_->measuring = false;
        measure();
    });
}

void Machine::measure() {
    for (const std::string& service : process_->brain.watched()) {
        const auto load = process_->loads.find(service);
        if (load == process_->loads.end()) continue;
        if (context_.time.monotonic() - load->second.begun < kCalledFor) {
            load->second.requests += kRequests;
        }
        const Model* model = context_.models.find(process_->answers.at(service));
        node::Answers answers;
        answers.failed =
            load->second.requests * static_cast<std::uint64_t>(model->errors_percent) / 100;
        answers.succeeded = load->second.requests - answers.failed;
        answers.p99_ms = model->latency_ms;
        process_->input.answers[service] = answers;
    }
    measure_load();
    think_within(Duration::zero());
}

void Machine::measure_load() {
    const Duration now_mono = context_.time.monotonic();
    for (const std::string& service : process_->brain.measured()) {
        const auto [at, news] = process_->asked.try_emplace(service, Asked{now_mono, {}});
        Asked& asked = at->second;
        const Duration span = now_mono - asked.until;
        const std::int64_t share = context_.demand.share_milli(service, place_.name, now_mono);
        asked.until = now_mono;
        asked.traffic.there += span / 1000 * share;
        asked.traffic.requests += static_cast<std::uint64_t>(share);
        process_->input.traffic[service] = asked.traffic;
    }
}

Status Machine::perform(const node::Action& action, std::string& digest) {
    const node::Wish& wish = action.wish;
    if (action.step == node::Step::kResolve) {
        if (context_.plant != Plant::kResidency) {
            HF_TRY(node::check_residency(wish, place_.jurisdiction));
        }
        digest = wish.digest;
        if (!digest.empty()) return {};
        if (network_.is_cut(place_.name) || !server_.is_up()) return unavailable("no registry");
        digest = context_.models.resolve(wish.reference);
        return digest.empty() ? not_found("no model {}", wish.reference) : Status();
    }
    if (action.step == node::Step::kPull) return pull(action);
    const auto candidate = process_->candidates.find(action.service);
    if (candidate == process_->candidates.end() || candidate->second.digest != digest) {
        return failed_precondition("{} of {} without a pull", node::condition_of(action.step),
                                   action.service);
    }
    const Model* model = context_.models.find(digest);
    HF_CHECK(model);
    switch (action.step) {
        case node::Step::kVerify:
            if (wish.policy_text.empty()) return not_found("no policy {}", wish.policy);
            if (context_.plant == Plant::kVerify) return {};
            return Models::judge(*model, wish.policy_text);
        case node::Step::kCompile:
            if (context_.dice.strikes(Fault::kStepFailed, 1, 60)) {
                return resource_exhausted("no memory to compile");
            }
            return Models::compiles(*model, wish.device) ? Status() : unimplemented("an operator");
        case node::Step::kReproduce:
            return model->golden ? Status() : failed_precondition("the samples differ");
        default: return activate(action);
    }
}

Status Machine::pull(const node::Action& action) {
    if (!vault_.contains(action.digest)) {
        if (network_.is_cut(place_.name) || !server_.is_up()) return unavailable("no registry");
        if (context_.dice.strikes(Fault::kStepFailed, 1, 20)) return unavailable("cut off");
        if (context_.dice.strikes(Fault::kDiskFull, 1, 60)) return resource_exhausted("disk full");
    }
    if (!context_.models.find(action.digest)) return not_found("no model {}", action.digest);
    vault_.insert(action.digest);
    process_->candidates[action.service] = {action.digest};
    return {};
}

Status Machine::activate(const node::Action& action) {
    checks_.activates(action.wish, action.digest);
    server_.rollout_checks().activates(place_.name, action.wish, action.digest);
    process_->answers[action.service] = action.digest;
    process_->loads[action.service] = {context_.time.monotonic()};
    process_->asked.erase(action.service);
    context_.demand.begins(action.service, place_.name);
    context_.trace.note("{} answers {} for {}", place_.name, action.digest.substr(7, 8),
                        action.service);
    return {};
}

}  // namespace hf::sim
