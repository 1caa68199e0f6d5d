// Control flow: If and Loop run subgraphs.

#include "runtime/ref/interpreter.h"
#include "runtime/ref/ops/common.h"

namespace hf::runtime::ref {
namespace {

Result<bool> truth(const Tensor& tensor) {
    if (tensor.elements() != 1) return invalid_argument("a condition must be one truth value");
    return HF_TRY(to_int64s(tensor))[0] != 0;
}

Outputs if_else(const OpContext& context) {
    const bool condition = HF_TRY(truth(HF_TRY(need_input(context, 0))));
    const graph::Graph* body = context.node.subgraph(condition ? "then_branch" : "else_branch");
    if (!body) return invalid_argument("a branch is missing");
    return context.subgraphs.run(*body, {});
}

// Stacks per-trip values along a new first axis.
Result<Tensor> stack(const std::vector<Tensor>& trips) {
    if (trips.empty()) return unimplemented("a scan output of a loop that never ran");
    std::vector<std::int64_t> extents = trips[0].shape().extents();
    extents.insert(extents.begin(), static_cast<std::int64_t>(trips.size()));
    Tensor out = HF_TRY(make_tensor(trips[0].dtype(), Shape(std::move(extents))));
    std::size_t at = 0;
    for (const Tensor& trip : trips) {
        if (trip.shape() != trips[0].shape()) return invalid_argument("scan outputs change shape");
        if (trip.dtype() == DType::kString) return unimplemented("scan outputs of strings");
        std::memcpy(out.mutable_bytes().data() + at, trip.bytes().data(), trip.bytes().size());
        at += trip.bytes().size();
    }
    return out;
}

Outputs loop(const OpContext& context) {
    const graph::Graph* body = context.node.subgraph("body");
    if (!body) return invalid_argument("the body is missing");
    std::int64_t trips = kMaxLoopTrips;
    if (const Tensor* limit = context.input(0)) trips = HF_TRY(to_int64s(*limit)).at(0);
    bool go_on = !context.input(1) || HF_TRY(truth(*context.input(1)));
    const std::size_t carried_count = context.inputs.size() < 2 ? 0 : context.inputs.size() - 2;
    if (body->outputs.size() < 1 + carried_count)
        return invalid_argument("the body gives too little");
    std::vector<Tensor> carried(
        context.inputs.begin() +
            static_cast<std::ptrdiff_t>(std::min<std::size_t>(2, context.inputs.size())),
        context.inputs.end());
    std::vector<std::vector<Tensor>> scans(body->outputs.size() - 1 - carried_count);
    for (std::int64_t trip = 0; trip < trips && go_on; ++trip) {
        if (trip >= kMaxLoopTrips) return resource_exhausted("more than {} trips", kMaxLoopTrips);
        const std::uint8_t yes = 1;
        std::vector<Tensor> inputs{Tensor::of<std::int64_t>(DType::kI64, {}, std::span(&trip, 1)),
                                   Tensor::of<std::uint8_t>(DType::kBool, {}, std::span(&yes, 1))};
        inputs.insert(inputs.end(), carried.begin(), carried.end());
        const std::vector<Tensor> outputs = HF_TRY(context.subgraphs.run(*body, inputs));
        go_on = HF_TRY(truth(outputs[0]));
        for (std::size_t i = 0; i < carried_count; ++i) carried[i] = outputs[1 + i];
        for (std::size_t i = 0; i < scans.size(); ++i) {
            scans[i].push_back(outputs[1 + carried_count + i]);
        }
    }
    for (const std::vector<Tensor>& scan : scans) carried.push_back(HF_TRY(stack(scan)));
    return carried;
}

}  // namespace

std::vector<OpRow> control_rows() {
    return {{"", "If", if_else}, {"", "Loop", loop}};
}

}  // namespace hf::runtime::ref
