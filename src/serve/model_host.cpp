#include "serve/model_host.h"

#include <algorithm>
#include <utility>

#include "base/json.h"
#include "serve/account.h"
#include "serve/composite.h"
#include "serve/schedule/batching.h"
#include "serve/sequence/sequences.h"
#include "serve/sleep/resting.h"

namespace hf::serve {
namespace {

std::string describe(const ModelHost::Identity& identity) {
    json::Object model{{"name", identity.name}, {"version", identity.version}};
    const auto add = [&model](std::string_view key, const std::string& value) {
        if (!value.empty()) model[key] = value;
    };
    add("digest", identity.model_digest);
    add("plan_digest", identity.plan_digest);
    add("task_digest", identity.task_digest);
    add("sequence_digest", identity.sequence_digest);
    add("guard_digest", identity.guard_digest);
    add("members_digest", identity.members_digest);
    add("signer", identity.signer);
    return json::write_canonical(model);
}

}  // namespace

ModelHost::ModelHost(Identity identity, std::shared_ptr<const runtime::CompiledModel> model,
                     env::Clock& clock, std::shared_ptr<runtime::Crew> crew)
    : identity_(std::move(identity)),
      receipt_json_(describe(identity_)),
      model_(std::move(model)),
      signature_(model_->signature()),
      clock_(clock),
      crew_(std::move(crew)) {
    note_asked(clock_.monotonic());
}

void ModelHost::set_guard(std::shared_ptr<const guard::Guard> guard) {
    guard_ = std::move(guard);
    if (guard_ && guard_->hidden) signature_.outputs.pop_back();
}

bool ModelHost::asleep() const {
    return resting_ && resting_->asleep();
}

bool ModelHost::ready() const {
    return ready_ && (!resting_ || resting_->trouble().empty());
}

std::string ModelHost::trouble() const {
    return resting_ ? resting_->trouble() : std::string();
}

Status ModelHost::wake() {
    return resting_ ? resting_->wake() : Status();
}

bool ModelHost::fall_asleep(Duration after) {
    if (!resting_) return false;
    sleep::Idleness idleness;
    idleness.since_asked = clock_.monotonic() - Duration(asked_.load(std::memory_order_relaxed));
    idleness.waiting = waiting_;
    idleness.sequences = sequences_ ? sequences_->live() : 0;
    idleness.asleep = resting_->asleep();
    if (!sleep::may_fall_asleep(idleness, after)) return false;
    // What goes, goes after the lock: the sessions first.
    std::shared_ptr<const runtime::CompiledModel> last;
    std::vector<std::unique_ptr<runtime::Session>> sessions;
    const MutexLock lock(mutex_);
    idleness.running = counts_.in_flight;
    if (!sleep::may_fall_asleep(idleness, after)) return false;
    sessions.swap(free_sessions_);
    last = resting_->let_go();
    return true;
}

std::uint64_t ModelHost::memory_bytes() const {
    if (asleep()) return 0;
    if (memory_.weight_bytes == 0 && memory_.session_bytes == 0) return 0;
    const MutexLock lock(mutex_);
    const std::uint64_t sessions = free_sessions_.size() + counts_.in_flight;
    return memory_.weight_bytes + sessions * memory_.session_bytes;
}

Status ModelHost::warm() {
    if (composite_) {
        runs_together_ = composite_->rows_apart();
        return {};
    }
    std::unique_ptr<runtime::Session> session = HF_TRY(take_session());
    runs_together_ = rows_are_apart(*session, signature());
    give_back(std::move(session));
    return {};
}

Result<ModelHost::Inference> ModelHost::infer(std::span<const Tensor> inputs) {
    Result<std::unique_ptr<runtime::Session>> taken = take_session();
    if (!taken.ok()) {
        const MutexLock lock(mutex_);
        ++counts_.failed;
        return taken.status();
    }
    std::unique_ptr<runtime::Session> session = std::move(*taken);
    auto [outputs, duration] = run(*session, inputs);
    // Inputs that do not fit are the caller's fault, and say nothing of the model.
    const bool misfit = outputs.status().code() == Code::kInvalidArgument;
    if (misfit) count_refused();
    {
        const MutexLock lock(mutex_);
        if (!misfit) count(outputs.ok(), duration, 1);
        put_back(std::move(session));
    }
    if (!outputs.ok()) return outputs.status();
    return Inference{std::move(*outputs), duration};
}

Result<ModelHost::Inference> ModelHost::infer_together(std::span<const Tensor> inputs,
                                                       std::uint64_t requests) {
    std::unique_ptr<runtime::Session> session = HF_TRY(take_session());
    auto [outputs, duration] = run(*session, inputs);
    {
        const MutexLock lock(mutex_);
        if (outputs.ok()) count(true, duration, requests);
        put_back(std::move(session));
    }
    if (!outputs.ok()) return outputs.status();
    return Inference{std::move(*outputs), duration};
}

void ModelHost::begin_composed() {
    const MutexLock lock(mutex_);
    ++counts_.in_flight;
}

void ModelHost::end_composed(Ended ended, Duration duration) {
    if (ended == Ended::kRefused) count_refused();
    const MutexLock lock(mutex_);
    --counts_.in_flight;
    if (ended == Ended::kSucceeded || ended == Ended::kFailed) {
        count(ended == Ended::kSucceeded, duration, 1);
    }
}

ModelHost::Outcome ModelHost::run(runtime::Session& session, std::span<const Tensor> inputs) const {
    const Duration start = clock_.monotonic();
    const bool padded = runs_together_ && plans_by_shape();
    Result<std::vector<Tensor>> outputs =
        padded ? run_padded(session, inputs) : session.run(inputs);
    return {std::move(outputs), clock_.monotonic() - start};
}

Result<ModelHost::Inference> ModelHost::infer_in_shadow(std::span<const Tensor> inputs) {
    if (++in_shadow_ > kInShadowMax) {
        --in_shadow_;
        return resource_exhausted("{} comparisons are under way", kInShadowMax);
    }
    const Duration start = clock_.monotonic();
    Result<std::vector<Tensor>> outputs = run_uncounted(inputs);
    --in_shadow_;
    if (!outputs.ok()) return outputs.status();
    return Inference{std::move(*outputs), clock_.monotonic() - start};
}

Result<std::vector<Tensor>> ModelHost::run_uncounted(std::span<const Tensor> inputs) {
    std::unique_ptr<runtime::Session> session = HF_TRY(take_session());
    Outcome outcome = run(*session, inputs);
    give_back(std::move(session));
    return std::move(outcome.outputs);
}

void ModelHost::count_guarded(const GuardCount& one) {
    const MutexLock lock(mutex_);
    counts_.guard_seconds += std::chrono::duration<double>(one.time).count();
    if (!one.reason) {
        ++counts_.guard_passed;
        return;
    }
    auto& reasons = one.refused ? counts_.guard_refused : counts_.guard_suspicious;
    ++reasons[static_cast<std::size_t>(*one.reason)];
}

void ModelHost::count_compared(bool agreed) {
    const MutexLock lock(mutex_);
    ++counts_.compared;
    counts_.agreed += agreed;
}

Result<std::unique_ptr<runtime::Session>> ModelHost::take_session() {
    {
        const MutexLock lock(mutex_);
        ++counts_.in_flight;
        if (!free_sessions_.empty()) {
            std::unique_ptr<runtime::Session> session = std::move(free_sessions_.back());
            free_sessions_.pop_back();
            return session;
        }
    }
    Result<std::unique_ptr<runtime::Session>> session = model_->new_session();
    if (!session.ok()) {
        const MutexLock lock(mutex_);
        --counts_.in_flight;
        return session;
    }
    (*session)->use(crew_);
    return session;
}

void ModelHost::give_back(std::unique_ptr<runtime::Session> session) {
    const MutexLock lock(mutex_);
    put_back(std::move(session));
}

void ModelHost::put_back(std::unique_ptr<runtime::Session> session) {
    --counts_.in_flight;
    free_sessions_.push_back(std::move(session));
}

void ModelHost::count(bool ok, Duration duration, std::uint64_t requests) {
    const double seconds = std::chrono::duration<double>(duration).count();
    const auto bucket = static_cast<std::size_t>(
        std::lower_bound(kLatencyBounds.begin(), kLatencyBounds.end(), seconds) -
        kLatencyBounds.begin());
    const Duration usual(usual_.load(std::memory_order_relaxed));
    usual_ = (usual == Duration::zero() ? duration : usual + (duration - usual) / 8).count();
    (ok ? counts_.succeeded : counts_.failed) += requests;
    counts_.seconds += seconds * static_cast<double>(requests);
    counts_.buckets[bucket] += requests;
}

ModelHost::Counts ModelHost::counts() const {
    const MutexLock lock(mutex_);
    Counts counts = counts_;
    counts.refused = refused_;
    counts.cached = cached_;
    return counts;
}

Statistics ModelHost::statistics() const {
    const MutexLock lock(mutex_);
    return statistics_;
}

void Visit::ran(const Statistics::Share& share, Duration waited, Duration duration) {
    succeeded_ = true;
    share_ = share;
    times_.queue += waited;
    times_.infer = duration;
}

void Visit::came_from_cache() {
    succeeded_ = true;
    from_cache_ = true;
    times_.cache = host_.clock_.monotonic() - read_;
    outputs_chosen();
    host_.count_cached();
}

void Visit::missed_cache() {
    missed_ = true;
    times_.cache = host_.clock_.monotonic() - read_;
}

void Visit::end() {
    if (std::exchange(ended_, true)) return;
    const Duration end = host_.clock_.monotonic();
    times_.input = read_ - start_;
    times_.output = end - written_from_;
    times_.all = before_ + (end - start_);
    host_.note_asked(end);
    const Instant came = host_.clock_.now() - times_.all;
    if (account_) account_->visited(host_, {times_, succeeded_, came});
    const MutexLock lock(host_.mutex_);
    host_.statistics_.last = std::max(host_.statistics_.last, came);
    if (missed_) host_.statistics_.cache_miss.add(times_.cache);
    if (from_cache_) {
        host_.statistics_.add_hit(times_);
    } else if (succeeded_) {
        host_.statistics_.add_success(share_, times_);
    } else {
        host_.statistics_.add_failure(times_);
    }
}

}  // namespace hf::serve
