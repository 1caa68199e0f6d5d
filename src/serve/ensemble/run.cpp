// How a graph answers a request: each step that is ready becomes a job of the schedule, and what
// comes of it lets the next go.

#include <atomic>

#include "base/json.h"
#include "serve/ensemble/busy.h"
#include "serve/ensemble/flow.h"
#include "serve/ensemble/graph.h"
#include "serve/ensemble/helpers.h"

namespace hf::serve::ensemble {

namespace {

// As a model of its own would count it: what never had its turn is no inference.
ModelHost::Ended how_ended(const Result<Scheduler::Ran>& ran) {
    if (ran.ok()) {
        const auto& guarded = ran->composed->guarded;
        const bool refused = guarded && guarded->refuses();
        return refused ? ModelHost::Ended::kRefused : ModelHost::Ended::kSucceeded;
    }
    switch (ran.status().code()) {
        case Code::kInvalidArgument: return ModelHost::Ended::kRefused;
        case Code::kCancelled:
        case Code::kDeadlineExceeded:
        case Code::kResourceExhausted: return ModelHost::Ended::kGivenUp;
        default: return ModelHost::Ended::kFailed;
    }
}

}  // namespace

class Graph::Run final : public std::enable_shared_from_this<Graph::Run> {
public:
    Run(std::shared_ptr<const Graph> graph, Scheduler::Job job, Places places)
        : graph_(std::move(graph)),
          job_(std::move(job)),
          places_(places),
          start_(job_.host->clock().monotonic()),
          asked_(graph_->plan().steps.size()),
          flow_(graph_->plan(), job_.inputs) {
        job_.host->begin_composed();
    }

    // Has all that may run now queue, and ends when there is nothing left.
    void advance(bool within_job) {
        std::vector<Flow::Ready> ready;
        bool over = false;
        {
            const MutexLock lock(mutex_);
            if (ended_) return;
            if (!failed_) ready = take_ready();
            under_way_ += ready.size();
            over = ended_ = under_way_ == 0;
        }
        if (over) return end();
        const std::size_t count = ready.size();
        for (Flow::Ready& one : ready) begin_step(std::move(one));
        Helpers* const helpers = places_.helpers;
        if (helpers && count > 1) helpers->call(count - 1);
        if (places_.scheduler && !within_job) places_.scheduler->work();
    }

private:
    // A step while it runs, and what is told of it afterwards.
    struct Asked {
        std::vector<Tensor> inputs;
        std::unique_ptr<Visit> visit;  // of the member's statistics
        Span span;
        std::uint64_t rows = 0;
        std::string account;  // canonical JSON; empty: it did not run
    };

    std::vector<Flow::Ready> take_ready() HF_REQUIRES(mutex_) {
        Result<std::vector<Flow::Ready>> ready = flow_.take_ready();
        if (ready.ok()) return std::move(*ready);
        fail(ready.status());
        return {};
    }

    void fail(Status status) HF_REQUIRES(mutex_) {
        if (failed_) return;
        status_ = std::move(status);
        failed_ = true;
    }

    void begin_step(Flow::Ready ready) {
        const std::size_t step = ready.step;
        const Host& host = graph_->host(step);
        Asked& asked = asked_[step];
        asked.inputs = std::move(ready.inputs);
        asked.rows = batch_of(host->signature(), asked.inputs);
        asked.visit = std::make_unique<Visit>(*host, Duration::zero());
        asked.visit->inputs_read();
        if (std::optional<guard::Judged> judged = guard::refuse_inputs(*host, asked.inputs)) {
            return end_refused(step, std::move(*judged));
        }
        Scheduler::Job job;
        job.host = host;
        job.inputs = asked.inputs;
        job.terms = job_.terms;
        job.given_up = [self = shared_from_this()] { return self->is_given_up(); };
        job.done = [self = shared_from_this(), step](Result<Scheduler::Ran> ran) {
            self->end_step(step, std::move(ran));
        };
        Places places = places_;
        places.within_job = true;  // advance() runs what is queued here
        if (const Composite* const composite = host->composite()) {
            return composite->run(std::move(job), places);
        }
        if (places_.scheduler) return places_.scheduler->add(std::move(job));
        Result<ModelHost::Inference> inference = host->infer(job.inputs);
        if (!inference.ok()) return job.done(inference.status());
        Scheduler::Ran ran;
        ran.outputs = std::move(inference->outputs);
        ran.duration = inference->duration;
        ran.batch = asked.rows;
        job.done(std::move(ran));
    }

    bool is_given_up() const { return failed_ || (job_.given_up && job_.given_up()); }

    void end_step(std::size_t step, Result<Scheduler::Ran> ran) {
        if (!ran.ok()) {
            const MutexLock lock(mutex_);
            fail(ran.status().context("step {} ('{}')", graph_->plan().steps[step].declared,
                                      graph_->plan().steps[step].model));
        } else if (ran->composed && ran->composed->guarded && ran->composed->guarded->refuses()) {
            return end_refused(step, *ran->composed->guarded);
        } else {
            accept(step, std::move(*ran));
        }
        over(step);
    }

    // What the member made is told to the flow, unless its guard refuses that.
    void accept(std::size_t step, Scheduler::Ran ran) {
        ModelHost& host = *graph_->host(step);
        Asked& asked = asked_[step];
        asked.visit->ran({asked.rows, ran.batch, ran.leads}, ran.waited, ran.duration);
        asked.visit->outputs_chosen();
        const Duration now = host.clock().monotonic();
        asked.span = {now - ran.duration, now};
        std::optional<guard::Judged> judged = guard::judge_answer(host, asked.inputs, ran.outputs);
        if (!judged && ran.composed) judged = ran.composed->guarded;
        const MutexLock lock(mutex_);
        asked.account = account_of(step, ran, judged);
        if (judged && judged->verdict.suspicious()) tell(std::move(*judged));
        if (guarded_ && guarded_->refuses()) {
            return fail(guard::refusal(*guarded_->guard, guarded_->verdict));
        }
        if (Status status = flow_.finish(step, std::move(ran.outputs)); !status.ok()) {
            fail(std::move(status));
        }
    }

    void end_refused(std::size_t step, guard::Judged judged) {
        {
            const MutexLock lock(mutex_);
            fail(guard::refusal(*judged.guard, judged.verdict));
            tell(std::move(judged));
        }
        over(step);
    }

    // The first is told, and one that refuses before others.
    void tell(guard::Judged judged) HF_REQUIRES(mutex_) {
        if (!guarded_ || (judged.refuses() && !guarded_->refuses())) guarded_ = std::move(judged);
    }

    void over(std::size_t step) {
        asked_[step].visit.reset();
        asked_[step].inputs.clear();
        {
            const MutexLock lock(mutex_);
            --under_way_;
        }
        advance(true);
    }

    std::string account_of(std::size_t step, const Scheduler::Ran& ran,
                           const std::optional<guard::Judged>& judged) const {
        const ModelHost& host = *graph_->host(step);
        std::string text = "{\"duration_ns\":" + std::to_string(ran.duration.count());
        if (judged && host.guard()) {
            text.append(",\"guard\":")
                .append(
                    json::write_canonical(guard::account(judged->guard->mode, judged->verdict)));
        }
        text.append(",\"model\":").append(host.receipt_json());
        text.append(",\"rows\":").append(std::to_string(asked_[step].rows));
        text.append(",\"step\":").append(std::to_string(graph_->plan().steps[step].declared));
        if (ran.composed) text.append(",\"steps\":").append(ran.composed->account);
        return text.append("}");
    }

    Composed composed() HF_REQUIRES(mutex_) {
        Composed composed;
        composed.account = "[";
        for (std::size_t step = 0; step < asked_.size(); ++step) {
            const Asked& asked = asked_[step];
            if (asked.account.empty()) continue;
            const bool first = composed.summary.empty();
            composed.account.append(first ? "" : ",").append(asked.account);
            composed.summary.append(first ? "" : ", ")
                .append(graph_->plan().steps[step].model)
                .append("=")
                .append(std::to_string(asked.rows));
        }
        composed.account += "]";
        composed.guarded = guarded_;
        return composed;
    }

    Result<Scheduler::Ran> result(Duration end) HF_REQUIRES(mutex_) {
        Scheduler::Ran ran;
        const bool refused = guarded_ && guarded_->refuses();
        if (failed_ && !refused) return status_;
        if (!refused) ran.outputs = HF_TRY(flow_.take_outputs());
        std::vector<Span> spans;
        for (const Asked& asked : asked_) spans.push_back(asked.span);
        ran.duration = time_covered(spans);
        ran.waited = std::max(Duration::zero(), end - start_ - ran.duration);
        ran.batch = batch_of(graph_->plan().signature, job_.inputs);
        ran.composed = std::make_shared<const Composed>(composed());
        return ran;
    }

    void end() {
        Result<Scheduler::Ran> ran = [this] {
            const MutexLock lock(mutex_);
            return result(job_.host->clock().monotonic());
        }();
        job_.host->end_composed(how_ended(ran), ran.ok() ? ran->duration : Duration::zero());
        const auto done = std::move(job_.done);
        done(std::move(ran));
    }

    const std::shared_ptr<const Graph> graph_;
    Scheduler::Job job_;
    const Places places_;
    const Duration start_;
    std::vector<Asked> asked_;  // each by whoever runs its step; by the last of them at the end
    std::atomic<bool> failed_{false};

    Mutex mutex_;
    Flow flow_ HF_GUARDED_BY(mutex_);
    std::size_t under_way_ HF_GUARDED_BY(mutex_) = 0;
    bool ended_ HF_GUARDED_BY(mutex_) = false;
    Status status_ HF_GUARDED_BY(mutex_);
    std::optional<guard::Judged> guarded_ HF_GUARDED_BY(mutex_);
};

void Graph::run(Scheduler::Job job, const Places& places) const {
    if (Status fits = runtime::check_inputs(plan_.signature, job.inputs); !fits.ok()) {
        job.host->count_refused();
        return job.done(std::move(fits));
    }
    const auto run = std::make_shared<Run>(shared_from_this(), std::move(job), places);
    run->advance(places.within_job);
}

}  // namespace hf::serve::ensemble
