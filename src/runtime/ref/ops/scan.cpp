// Scan: a body over slices of tensors, with states from trip to trip. Opset 8 works on a batch of
// sequences that may differ in length; from opset 9 on there is one sequence, along any axes.

#include <algorithm>

#include "runtime/ref/interpreter.h"
#include "runtime/ref/ops/control.h"

namespace hf::runtime::ref {
namespace {

struct Plan {
    const graph::Graph& body;
    std::size_t states = 0;
    std::size_t inputs = 0;
    std::vector<std::int64_t> input_axes, output_axes;
    std::vector<std::int64_t> input_directions, output_directions;  // 1 is backwards

    std::size_t outputs() const { return body.outputs.size() - states; }
};

// The attribute, or zeros where it is absent: one for each of `count`.
Result<std::vector<std::int64_t>> per_item(const graph::Node& node, std::string_view name,
                                           std::size_t count) {
    if (!node.has(name)) return std::vector<std::int64_t>(count, 0);
    std::vector<std::int64_t> values = node.ints_or(name, {});
    if (values.size() == count) return values;
    return invalid_argument("{} has {} entries, want {}", name, values.size(), count);
}

// `given` counts states and scanned inputs together.
Result<Plan> plan_of(const graph::Node& node, std::size_t given) {
    const graph::Graph* body = node.subgraph("body");
    if (!body) return invalid_argument("the body is missing");
    const std::int64_t scanned = node.int_or("num_scan_inputs", 0);
    if (scanned < 1 || static_cast<std::uint64_t>(scanned) > given) {
        return invalid_argument("num_scan_inputs is {} of {} inputs", scanned, given);
    }
    Plan plan{*body,
              given - static_cast<std::size_t>(scanned),
              static_cast<std::size_t>(scanned),
              {},
              {},
              {},
              {}};
    if (body->outputs.size() < plan.states) return invalid_argument("the body gives too little");
    const bool old = node.opset < 9;
    plan.input_axes = HF_TRY(per_item(node, "scan_input_axes", plan.inputs));
    plan.output_axes = HF_TRY(per_item(node, "scan_output_axes", plan.outputs()));
    plan.input_directions =
        HF_TRY(per_item(node, old ? "directions" : "scan_input_directions", plan.inputs));
    plan.output_directions = HF_TRY(per_item(node, "scan_output_directions", plan.outputs()));
    return plan;
}

struct Scanned {
    std::vector<Tensor> tensors;
    std::vector<std::size_t> axes;
    std::int64_t trips = 0;  // the extent of all along their axes
};

Result<Scanned> scanned_of(const Plan& plan, std::span<const Tensor> tensors) {
    Scanned scanned;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        const Shape& shape = tensors[i].shape();
        const std::size_t axis = HF_TRY(normalize_axis(plan.input_axes[i], shape.rank()));
        if (i > 0 && shape[axis] != scanned.trips) {
            return invalid_argument("scan inputs of {} and {} trips", scanned.trips, shape[axis]);
        }
        scanned.trips = shape[axis];
        scanned.axes.push_back(axis);
        scanned.tensors.push_back(tensors[i]);
    }
    if (scanned.trips > kMaxLoopTrips) {
        return resource_exhausted("more than {} trips", kMaxLoopTrips);
    }
    return scanned;
}

// One sequence of `trips`: the last states, then what was stacked.
Data run_sequence(const DatumContext& context, const Plan& plan, std::vector<Datum> states,
                  const Scanned& scanned) {
    std::vector<Trips> stacks(plan.outputs());
    for (std::int64_t trip = 0; trip < scanned.trips; ++trip) {
        std::vector<Datum> inputs = std::move(states);
        for (std::size_t i = 0; i < plan.inputs; ++i) {
            const std::int64_t at = plan.input_directions[i] == 1 ? scanned.trips - 1 - trip : trip;
            const std::size_t axis = scanned.axes[i];
            const Tensor slice = HF_TRY(slice_of(scanned.tensors[i], axis, at, 1));
            inputs.emplace_back(without_axis(slice, axis));
        }
        std::vector<Datum> outputs = HF_TRY(context.subgraphs.run(plan.body, inputs));
        for (std::size_t i = 0; i < stacks.size(); ++i) {
            HF_TRY(stacks[i].add(outputs[plan.states + i]).context("scan output {}", i));
        }
        outputs.resize(plan.states);
        states = std::move(outputs);
    }
    for (std::size_t i = 0; i < stacks.size(); ++i) {
        if (plan.output_directions[i] == 1) stacks[i].reverse();
        const graph::Value& declared = plan.body.value(plan.body.outputs[plan.states + i]);
        states.emplace_back(
            HF_TRY(stacks[i].stacked(plan.output_axes[i], declared).context("scan output {}", i)));
    }
    return states;
}

Result<std::vector<Tensor>> tensors_from(const DatumContext& context, std::size_t first) {
    std::vector<Tensor> tensors;
    for (std::size_t i = first; i < context.inputs.size(); ++i) {
        tensors.push_back(HF_TRY(need_tensor(context, i)));
    }
    return tensors;
}

Data scan(const DatumContext& context) {
    const Plan plan = HF_TRY(plan_of(context.node, context.inputs.size()));
    const std::vector<Tensor> given = HF_TRY(tensors_from(context, 0));
    const Scanned scanned = HF_TRY(scanned_of(plan, std::span(given).subspan(plan.states)));
    std::vector<Datum> states(given.begin(),
                              given.begin() + static_cast<std::ptrdiff_t>(plan.states));
    return run_sequence(context, plan, std::move(states), scanned);
}

// Entry `index` of a batch, its first `length` along the next axis where that is not negative.
Result<Tensor> entry_of(const Tensor& batch, std::int64_t index, std::int64_t length) {
    const Tensor entry = without_axis(HF_TRY(slice_of(batch, 0, index, 1)), 0);
    return length < 0 ? entry : slice_of(entry, 0, 0, length);
}

// Zeros behind the tensor up to `length` along its first axis.
Result<Tensor> padded(const Tensor& tensor, std::int64_t length) {
    Shape shape = tensor.shape();
    if (shape.rank() == 0 || shape[0] >= length) return tensor;
    shape[0] = length - shape[0];
    const Tensor zeros = HF_TRY(make_tensor(tensor.dtype(), shape));
    const std::vector<Tensor> parts{tensor, zeros};
    return concatenate(parts, 0);
}

// The extents that all inputs of opset 8 share: entries in the batch, and trips.
struct Batch {
    std::int64_t entries = 0;
    std::int64_t trips = 0;
    std::vector<std::int64_t> lengths;  // of each entry, at most `trips`
};

Result<Batch> batch_of(const DatumContext& context, const Plan& plan,
                       std::span<const Tensor> given) {
    Batch batch;
    batch.entries = given[0].shape().rank() > 0 ? given[0].shape()[0] : 0;
    for (std::size_t i = 0; i < given.size(); ++i) {
        const Shape& shape = given[i].shape();
        const std::size_t wanted = i < plan.states ? 1 : 2;
        if (shape.rank() < wanted || shape[0] != batch.entries) {
            return invalid_argument("input {} of {} does not fit a batch of {}", 1 + i,
                                    shape.to_string(), batch.entries);
        }
        if (i >= plan.states) batch.trips = std::max(batch.trips, shape[1]);
    }
    if (batch.entries > kMaxLoopTrips / std::max<std::int64_t>(batch.trips, 1)) {
        return resource_exhausted("{} times {} trips are more than {}", batch.entries, batch.trips,
                                  kMaxLoopTrips);
    }
    batch.lengths.assign(static_cast<std::size_t>(batch.entries), batch.trips);
    if (!context.inputs[0].is_nothing()) {
        batch.lengths = HF_TRY(to_int64s(HF_TRY(need_tensor(context, 0))));
    }
    if (batch.lengths.size() != static_cast<std::size_t>(batch.entries)) {
        return invalid_argument("{} lengths for a batch of {}", batch.lengths.size(),
                                batch.entries);
    }
    for (std::int64_t length : batch.lengths) {
        if (length < 0 || length > batch.trips) {
            return invalid_argument("a sequence of {} in {} trips", length, batch.trips);
        }
    }
    return batch;
}

Data scan_batch(const DatumContext& context) {
    if (context.inputs.size() < 2) return invalid_argument("there is nothing to scan");
    const Plan plan = HF_TRY(plan_of(context.node, context.inputs.size() - 1));
    const std::vector<Tensor> given = HF_TRY(tensors_from(context, 1));
    const Batch batch = HF_TRY(batch_of(context, plan, given));
    std::vector<Trips> results(plan.body.outputs.size());
    for (std::int64_t entry = 0; entry < batch.entries; ++entry) {
        const std::int64_t length = batch.lengths[static_cast<std::size_t>(entry)];
        std::vector<Datum> states;
        std::vector<Tensor> slices;
        for (std::size_t i = 0; i < given.size(); ++i) {
            if (i < plan.states) {
                states.emplace_back(HF_TRY(entry_of(given[i], entry, -1)));
            } else if (given[i].shape()[1] < length) {
                return invalid_argument("input {} is shorter than {}", 1 + i, length);
            } else {
                slices.push_back(HF_TRY(entry_of(given[i], entry, length)));
            }
        }
        const Scanned scanned = HF_TRY(scanned_of(plan, slices));
        std::vector<Datum> outputs =
            HF_TRY(run_sequence(context, plan, std::move(states), scanned));
        for (std::size_t i = 0; i < results.size(); ++i) {
            if (i >= plan.states && outputs[i].tensor()) {
                outputs[i] = HF_TRY(padded(*outputs[i].tensor(), batch.trips));
            }
            HF_TRY(results[i].add(outputs[i]).context("output {}", i));
        }
    }
    std::vector<Datum> outputs;
    for (std::size_t i = 0; i < results.size(); ++i) {
        const graph::Value& declared = plan.body.value(plan.body.outputs[i]);
        outputs.emplace_back(HF_TRY(results[i].stacked(0, declared).context("output {}", i)));
    }
    return outputs;
}

Data any_scan(const DatumContext& context) {
    return context.node.opset < 9 ? scan_batch(context) : scan(context);
}

}  // namespace

std::vector<OpRow> scan_rows() {
    return {{"", "Scan", nullptr, any_scan}};
}

}  // namespace hf::runtime::ref
