#include "serve/schedule/scheduler.h"

#include <pthread.h>

#include <algorithm>

#include "serve/schedule/batching.h"

namespace hf::serve {
namespace {

constexpr Duration kRetryLeast = std::chrono::seconds(1);
constexpr Duration kRetryMost = std::chrono::seconds(60);

Status too_late() {
    return deadline_exceeded("its turn did not come in the time that it allows");
}

}  // namespace

void Scheduler::run(Job job) {
    add(std::move(job));
    work();
}

void Scheduler::add(Job job) {
    Queued queued{std::move(job), {}};
    if (Status refused = enqueue(queued); !refused.ok()) queued.job.done(std::move(refused));
}

void Scheduler::work() {
    for (;;) {
        std::vector<Queued> late;
        std::optional<Turn> turn = take_turn(late);
        for (Queued& each : late) each.job.done(too_late());
        if (!turn) return;
        carry_out(std::move(*turn));
    }
}

Status Scheduler::enqueue(Queued& queued) {
    const ModelHost& host = *queued.job.host;
    const bool alone = queued.job.alone || !host.runs_together();
    Size size = alone ? Size() : size_of(queued.job.inputs);
    queued.since = clock_.monotonic();
    const MutexLock lock(mutex_);
    const LaneId lane = lane_of(queued.job.host);
    // One wakes it, and the others wait their turn without holding a place.
    if (host.asleep()) schedule_.limit(lane, 1);
    const JobId id = HF_TRY(schedule_.admit(lane, queued.job.terms, std::move(size), queued.since));
    queued.job.host->note_waiting(schedule_.waiting(lane));
    queued_.emplace(id, std::move(queued));
    return {};
}

LaneId Scheduler::lane_of(const std::shared_ptr<ModelHost>& host) {
    const auto known = lanes_.find(host.get());
    if (known != lanes_.end() && known->second.host.lock() == host) return known->second.id;
    // A new one: those of hosts that are gone, of which nothing waits or runs, make room.
    std::erase_if(lanes_, [this](const auto& entry) HF_REQUIRES(mutex_) {
        if (!entry.second.host.expired()) return false;
        schedule_.remove_lane(entry.second.id);
        return true;
    });
    const LaneId id = schedule_.add_lane({!host->plans_by_shape(), host->instances()});
    return lanes_.emplace(host.get(), Lane{host, id}).first->second.id;
}

std::vector<Scheduler::Queued> Scheduler::take(const std::vector<JobId>& ids) {
    std::vector<Queued> jobs;
    for (const JobId id : ids) jobs.push_back(std::move(queued_.extract(id).mapped()));
    return jobs;
}

std::optional<Scheduler::Turn> Scheduler::take_turn(std::vector<Queued>& late) {
    const MutexLock lock(mutex_);
    late = take(schedule_.take_late(clock_.monotonic()));
    for (const Queued& each : late) {
        each.job.host->note_waiting(schedule_.waiting(lane_of(each.job.host)));
    }
    std::optional<Schedule::Pick> pick = schedule_.next();
    if (!pick) return std::nullopt;
    Turn turn{*pick, take(pick->jobs)};
    turn.jobs.front().job.host->note_waiting(schedule_.waiting(pick->lane));
    if (pick->unprepared > 0) order_preparation(turn);
    return turn;
}

void Scheduler::order_preparation(const Turn& turn) {
    const Job& first = turn.jobs.front().job;
    Lane& lane = lanes_.at(first.host.get());
    if (lane.preparing > 0 || stopping_) return;
    lane.preparing = turn.pick.unprepared;
    Preparation order{first.host, {}, lane.preparing};
    for (const Tensor& input : first.inputs) {
        Shape shape = input.shape();
        shape[0] = static_cast<std::int64_t>(order.rows);
        order.shapes.push_back(shape);
    }
    preparations_.push_back(std::move(order));
    if (!preparer_.joinable()) preparer_ = std::thread([this] { prepare_until_stopped(); });
    wake_.notify_one();
}

void Scheduler::prepare_until_stopped() {
    pthread_setname_np(pthread_self(), "hf-prepare");
    MutexLock lock(mutex_);
    for (;;) {
        wake_.wait(lock,
                   [this]() HF_REQUIRES(mutex_) { return stopping_ || !preparations_.empty(); });
        if (stopping_) return;
        const Preparation order = std::move(preparations_.front());
        preparations_.pop_front();
        lock.unlock();
        {
            const std::shared_ptr<ModelHost> host = order.host.lock();
            if (host) host->prepare(order.shapes);
        }
        lock.lock();
        // The host may be gone by now, and its lane with it.
        for (auto& [known, lane] : lanes_) {
            if (lane.host.owner_before(order.host) || order.host.owner_before(lane.host)) continue;
            lane.preparing = 0;
            schedule_.prepared(lane.id, order.rows);
        }
    }
}

Scheduler::~Scheduler() {
    std::thread preparer;
    {
        const MutexLock lock(mutex_);
        stopping_ = true;
        preparer = std::move(preparer_);
    }
    wake_.notify_all();
    if (preparer.joinable()) preparer.join();
}

std::vector<Scheduler::Queued> Scheduler::take_out(
    std::vector<Queued>& jobs, const std::function<bool(const Queued&)>& stays) {
    std::vector<Queued> out;
    if (std::all_of(jobs.begin(), jobs.end(), stays)) return out;
    std::vector<Queued> left;
    for (Queued& each : jobs) (stays(each) ? left : out).push_back(std::move(each));
    jobs = std::move(left);
    return out;
}

// Before its first inference; if that fails, so do the inferences. For some it may take too long.
std::vector<Scheduler::Queued> Scheduler::wake_model(Turn& turn) {
    ModelHost& host = *turn.jobs.front().job.host;
    if (!host.asleep()) return {};
    static_cast<void>(host.wake());
    if (host.plans_by_shape()) {
        const MutexLock lock(mutex_);
        schedule_.unprepared(turn.pick.lane);
    }
    const Duration now = clock_.monotonic();
    return take_out(turn.jobs, [now](const Queued& each) {
        const Terms& terms = each.job.terms;
        const bool patient = terms.patience == Duration::max() || now - each.since < terms.patience;
        return patient && now < terms.start_by;
    });
}

// Nobody is told before the place is free again: who is told may take his time.
void Scheduler::carry_out(Turn turn) {
    const std::shared_ptr<ModelHost> host = turn.jobs.front().job.host;
    std::vector<Queued> late = wake_model(turn);
    const Duration start = clock_.monotonic();
    std::vector<Queued> given_up = take_out(
        turn.jobs, [](const Queued& each) { return !each.job.given_up || !each.job.given_up(); });
    std::vector<Result<Ran>> results = run_all(turn.jobs);
    for (std::size_t i = 0; i < results.size(); ++i) {
        if (results[i].ok()) results[i]->waited = start - turn.jobs[i].since;
    }
    const Duration took = clock_.monotonic() - start;
    {
        const MutexLock lock(mutex_);
        const bool all = given_up.empty() && late.empty();
        schedule_.done(turn.pick, all ? turn.pick.rows : 0, took);
        if (host->resting() && !host->asleep()) schedule_.limit(turn.pick.lane, host->instances());
    }
    for (Queued& each : late) each.job.done(too_late());
    for (std::size_t i = 0; i < results.size(); ++i) turn.jobs[i].job.done(std::move(results[i]));
    for (Queued& each : given_up) {
        each.job.done(cancelled("the client has gone before its turn came"));
    }
}

std::vector<Result<Scheduler::Ran>> Scheduler::run_all(const std::vector<Queued>& jobs) {
    if (jobs.size() > 1) {
        Result<std::vector<Ran>> together = run_together(jobs);
        if (together.ok()) {
            return {std::make_move_iterator(together->begin()),
                    std::make_move_iterator(together->end())};
        }
    }
    std::vector<Result<Ran>> results;
    for (const Queued& each : jobs) {
        Result<ModelHost::Inference> inference = each.job.host->infer(each.job.inputs);
        if (!inference.ok()) {
            results.emplace_back(inference.status());
            continue;
        }
        Ran ran;
        ran.outputs = std::move(inference->outputs);
        ran.duration = inference->duration;
        ran.batch = batch_of(each.job.host->signature(), each.job.inputs);
        results.emplace_back(std::move(ran));
    }
    return results;
}

Result<std::vector<Scheduler::Ran>> Scheduler::run_together(const std::vector<Queued>& jobs) {
    ModelHost& host = *jobs.front().job.host;
    std::vector<std::span<const Tensor>> requests;
    std::vector<std::uint64_t> rows;
    std::uint64_t batch = 0;
    for (const Queued& each : jobs) {
        requests.push_back(each.job.inputs);
        rows.push_back(static_cast<std::uint64_t>(each.job.inputs.front().shape()[0]));
        batch += rows.back();
    }
    const ModelHost::Inference inference =
        HF_TRY(host.infer_together(join_rows(requests), jobs.size()));
    std::vector<std::vector<Tensor>> outputs = HF_TRY(split_rows(inference.outputs, rows));
    std::vector<Ran> all;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        Ran ran;
        ran.outputs = std::move(outputs[i]);
        ran.duration = inference.duration;
        ran.batch = batch;
        ran.leads = i == 0;
        all.push_back(std::move(ran));
    }
    return all;
}

Duration Scheduler::retry_after(const ModelHost& host) const {
    const MutexLock lock(mutex_);
    const auto known = lanes_.find(&host);
    if (known == lanes_.end()) return kRetryLeast;
    return std::clamp(schedule_.backlog(known->second.id), kRetryLeast, kRetryMost);
}

}  // namespace hf::serve
