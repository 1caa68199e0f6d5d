#include "serve/ensemble/flow.h"

#include <algorithm>
#include <numeric>

#include "serve/cascade/judge.h"

namespace hf::serve::ensemble {
namespace {

std::size_t rows_of(const Tensor& tensor) {
    return tensor.shape().rank() == 0 ? 0 : static_cast<std::size_t>(tensor.shape()[0]);
}

}  // namespace

Flow::Flow(const Plan& plan, std::span<const Tensor> inputs)
    : plan_(plan),
      values_(plan.readers.size()),
      steps_(plan.steps.size()),
      left_(plan.steps.size()) {
    for (std::size_t i = 0; i < values_.size(); ++i) values_[i].readers = plan.readers[i];
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        values_[i].decided = true;
        values_[i].there = {true, {}, rows_of(inputs[i])};
        values_[i].tensor = inputs[i];
    }
}

bool Flow::may_run(const Plan::Step& step) const {
    const auto decided = [this](std::size_t value) { return values_[value].decided; };
    return std::all_of(step.inputs.begin(), step.inputs.end(),
                       [&](const Plan::Source& source) {
                           return std::all_of(source.begin(), source.end(), decided);
                       }) &&
           (!step.when || decided(step.when->value));
}

Result<std::vector<Flow::Ready>> Flow::take_ready() {
    std::vector<Ready> ready;
    // Steps stand behind those they wait for, so that what is passed over here lets others go.
    for (std::size_t i = 0; i < steps_.size(); ++i) {
        const Plan::Step& step = plan_.steps[i];
        if (steps_[i].state != State::kWaiting || !may_run(step)) continue;
        steps_[i].there = HF_TRY(where_runs(step).context("step {} ('{}')", i, step.model));
        if (steps_[i].there.any) {
            Ready one{i, {}};
            for (const Plan::Source& source : step.inputs) {
                one.inputs.push_back(HF_TRY(take(source, steps_[i].there)));
            }
            steps_[i].state = State::kTold;
            ready.push_back(std::move(one));
        } else {
            pass_over(i);
        }
        for (const Plan::Source& source : step.inputs) read(source);
        if (step.when) read({step.when->value});
    }
    return ready;
}

void Flow::pass_over(std::size_t index) {
    steps_[index].state = State::kOver;
    --left_;
    for (const std::optional<std::size_t>& value : plan_.steps[index].outputs) {
        if (!value) continue;
        values_[*value].decided = true;
        values_[*value].there.any = false;
    }
}

void Flow::read(const Plan::Source& source) {
    for (const std::size_t value : source) {
        if (--values_[value].readers == 0) values_[value].tensor = Tensor();
    }
}

Flow::There Flow::where(const Plan::Source& source) const {
    There there{false, Rows(), 0};
    for (const std::size_t each : source) {
        const There& one = values_[each].there;
        if (!one.any) continue;
        there.any = true;
        there.of = one.of;
        if (!one.rows) return one;
        Rows both;
        std::set_union(there.rows->begin(), there.rows->end(), one.rows->begin(), one.rows->end(),
                       std::back_inserter(both));
        there.rows = std::move(both);
    }
    if (there.any && there.rows->size() == there.of) there.rows.reset();
    return there;
}

Result<Flow::There> Flow::where_runs(const Plan::Step& step) const {
    There runs;
    bool first = true;
    const auto meet = [&](const There& other) -> Status {
        if (!first && runs.of != other.of) {
            return invalid_argument("what it reads has {} and {} rows", runs.of, other.of);
        }
        first = false;
        runs.of = other.of;
        if (!other.rows) return {};
        if (!runs.rows) {
            runs.rows = other.rows;
            return {};
        }
        Rows both;
        std::set_intersection(runs.rows->begin(), runs.rows->end(), other.rows->begin(),
                              other.rows->end(), std::back_inserter(both));
        runs.rows = std::move(both);
        return {};
    };
    std::vector<There> all;
    for (const Plan::Source& source : step.inputs) all.push_back(where(source));
    if (step.when) {
        There holds = HF_TRY(where_holds(*step.when));
        // A condition of the whole request has not its rows.
        if (!holds.any || step.when->by_row) all.push_back(std::move(holds));
    }
    for (const There& one : all) {
        if (!one.any) return There{false, {}, 0};
        if (step.by_row) HF_TRY(meet(one));
    }
    // A request of no rows goes all ways, so that each output has a shape.
    if (runs.rows && runs.rows->empty() && runs.of > 0) runs.any = false;
    if (runs.rows && runs.rows->size() == runs.of) runs.rows.reset();
    return runs;
}

Result<Flow::There> Flow::where_holds(const Test& test) const {
    const Value& value = values_[test.value];
    if (!value.there.any) return There{false, {}, 0};
    const Shape& shape = value.tensor.shape();
    std::vector<double> sure;
    if (shape.rank() == 0 || shape[0] > 0) {  // of no rows there is nothing to measure
        sure = HF_TRY(cascade::confidences(value.tensor, test.measure));
    }
    Rows rows;
    for (std::size_t i = 0; i < sure.size(); ++i) {
        // NaN is not sure.
        if ((sure[i] >= test.threshold) == test.below) continue;
        rows.push_back(value.there.rows ? (*value.there.rows)[i] : i);
    }
    if (test.by_row) {
        const bool any = !rows.empty() || sure.empty();
        return There{any, std::move(rows), value.there.of};
    }
    // Of a whole request: it is unsure as soon as one of its rows is.
    const bool holds = test.below ? !rows.empty() : rows.size() == sure.size();
    return There{holds, {}, value.there.of};
}

Result<Tensor> Flow::take(const Plan::Source& source, const There& wanted) const {
    const auto first = std::find_if(source.begin(), source.end(),
                                    [this](std::size_t value) { return values_[value].there.any; });
    if (first == source.end()) return internal_error("none of a step's alternatives is there");
    const Value& value = values_[*first];
    if (value.there.rows == wanted.rows) return value.tensor;
    if (!value.there.rows) return cascade::take_rows(value.tensor, *wanted.rows);
    return put_together(source, wanted.rows ? wanted : where(source));
}

Result<Tensor> Flow::put_together(const Plan::Source& source, const There& wanted) const {
    Rows rows(wanted.of);
    std::iota(rows.begin(), rows.end(), std::size_t{0});
    if (wanted.rows) rows = *wanted.rows;
    struct Part {
        Rows from;
        Rows to;
    };
    std::vector<Part> parts(source.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
        bool found = false;
        for (std::size_t j = 0; j < source.size() && !found; ++j) {
            const There& there = values_[source[j]].there;
            if (!there.any) continue;
            std::size_t from = rows[i];
            if (there.rows) {
                const auto at = std::lower_bound(there.rows->begin(), there.rows->end(), rows[i]);
                if (at == there.rows->end() || *at != rows[i]) continue;
                from = static_cast<std::size_t>(at - there.rows->begin());
            }
            parts[j].from.push_back(from);
            parts[j].to.push_back(i);
            found = true;
        }
        if (!found) return internal_error("none of a step's alternatives has row {}", rows[i]);
    }
    std::optional<Tensor> whole;
    for (std::size_t j = 0; j < source.size(); ++j) {
        if (parts[j].to.empty()) continue;
        const Tensor& tensor = values_[source[j]].tensor;
        if (!whole) {
            Shape shape = tensor.shape();
            shape[0] = static_cast<std::int64_t>(rows.size());
            whole.emplace(tensor.dtype(), std::move(shape));
        }
        const Tensor part = cascade::take_rows(tensor, parts[j].from);
        whole = HF_TRY(cascade::put_rows(*whole, parts[j].to, part));
    }
    if (!whole) return internal_error("rows of nothing were put together");
    return std::move(*whole);
}

Status Flow::finish(std::size_t index, std::vector<Tensor> outputs) {
    const Plan::Step& step = plan_.steps[index];
    const There& there = steps_[index].there;
    for (std::size_t i = 0; i < step.outputs.size(); ++i) {
        if (!step.outputs[i]) continue;
        Value& value = values_[*step.outputs[i]];
        value.decided = true;
        value.tensor = std::move(outputs[i]);
        const std::size_t rows = rows_of(value.tensor);
        const std::size_t wanted = there.rows ? there.rows->size() : there.of;
        if (step.by_row && rows != wanted) {
            return failed_precondition("step {} ('{}') made {} rows of {}", index, step.model, rows,
                                       wanted);
        }
        value.there = {true, there.rows, there.rows ? there.of : rows};
    }
    steps_[index].state = State::kOver;
    --left_;
    return {};
}

Result<std::vector<Tensor>> Flow::take_outputs() {
    std::vector<Tensor> outputs;
    for (const Plan::Source& source : plan_.outputs) {
        outputs.push_back(HF_TRY(take(source, where(source))));
    }
    return outputs;
}

}  // namespace hf::serve::ensemble
