// Control flow: If and Loop run subgraphs, over values of any kind.

#include "runtime/ref/ops/control.h"

#include <algorithm>

#include "runtime/ref/interpreter.h"

namespace hf::runtime::ref {
namespace {

Data if_else(const DatumContext& context) {
    const bool condition = HF_TRY(truth(HF_TRY(need_tensor(context, 0))));
    const graph::Graph* body = context.node.subgraph(condition ? "then_branch" : "else_branch");
    if (!body) return invalid_argument("a branch is missing");
    return context.subgraphs.run(*body, {});
}

Result<std::int64_t> trip_limit(const DatumContext& context) {
    if (context.inputs.empty() || context.inputs[0].is_nothing()) return kMaxLoopTrips + 1;
    const std::vector<std::int64_t> trips =
        HF_TRY(to_int64s(HF_TRY(need_tensor(context, 0))).context("the trip count"));
    if (trips.size() != 1) return invalid_argument("the trip count must be one number");
    return trips[0];
}

Result<bool> starts(const DatumContext& context) {
    if (context.inputs.size() < 2 || context.inputs[1].is_nothing()) return true;
    return truth(HF_TRY(need_tensor(context, 1)));
}

Datum number(std::int64_t value) {
    return Tensor::of<std::int64_t>(DType::kI64, {}, std::span(&value, 1));
}

Datum yes() {
    const std::uint8_t one = 1;
    return Tensor::of<std::uint8_t>(DType::kBool, {}, std::span(&one, 1));
}

Data loop(const DatumContext& context) {
    const graph::Graph* body = context.node.subgraph("body");
    if (!body) return invalid_argument("the body is missing");
    const std::int64_t trips = HF_TRY(trip_limit(context));
    bool go_on = HF_TRY(starts(context));
    std::vector<Datum> carried;
    for (std::size_t i = 2; i < context.inputs.size(); ++i) carried.push_back(context.inputs[i]);
    const std::size_t first_scan = 1 + carried.size();
    if (body->outputs.size() < first_scan) return invalid_argument("the body gives too little");
    std::vector<Trips> scans(body->outputs.size() - first_scan);
    for (std::int64_t trip = 0; trip < trips && go_on; ++trip) {
        if (trip >= kMaxLoopTrips) return resource_exhausted("more than {} trips", kMaxLoopTrips);
        std::vector<Datum> inputs{number(trip), yes()};
        std::move(carried.begin(), carried.end(), std::back_inserter(inputs));
        std::vector<Datum> outputs = HF_TRY(context.subgraphs.run(*body, inputs));
        if (!outputs[0].tensor()) return invalid_argument("the condition is no tensor");
        go_on = HF_TRY(truth(*outputs[0].tensor()));
        for (std::size_t i = 0; i < scans.size(); ++i) {
            HF_TRY(scans[i].add(outputs[first_scan + i]).context("scan output {}", i));
        }
        for (std::size_t i = 0; i < carried.size(); ++i) carried[i] = std::move(outputs[1 + i]);
    }
    for (std::size_t i = 0; i < scans.size(); ++i) {
        const graph::Value& declared = body->value(body->outputs[first_scan + i]);
        carried.emplace_back(HF_TRY(scans[i].stacked(0, declared).context("scan output {}", i)));
    }
    return carried;
}

}  // namespace

Result<bool> truth(const Tensor& tensor) {
    if (tensor.elements() != 1) return invalid_argument("a condition must be one truth value");
    return HF_TRY(to_int64s(tensor))[0] != 0;
}

Status Trips::add(const Datum& datum) {
    const Tensor* tensor = datum.tensor();
    if (!tensor) return invalid_argument("{}; want a tensor", datum.kind());
    if (!tensors_.empty() && tensor->dtype() != tensors_[0].dtype()) {
        return invalid_argument("{} after {}", dtype_name(tensor->dtype()),
                                dtype_name(tensors_[0].dtype()));
    }
    bytes_ += sizeof(Tensor) + datum.size_bytes();
    if (bytes_ > kMaxTensorBytes) {
        return resource_exhausted("all trips come to more than {} bytes", kMaxTensorBytes);
    }
    tensors_.push_back(*tensor);
    return {};
}

void Trips::reverse() {
    std::reverse(tensors_.begin(), tensors_.end());
}

Result<Tensor> Trips::stacked(std::int64_t axis, const graph::Value& declared) const {
    const bool known = declared.dtype && declared.shape;
    if (tensors_.empty() && !known) {
        return unimplemented("there was no trip, and the body does not declare its rank");
    }
    const Shape& inner = tensors_.empty() ? *declared.shape : tensors_[0].shape();
    const std::size_t at = HF_TRY(normalize_axis(axis, inner.rank() + 1));
    if (tensors_.empty()) {
        std::vector<std::int64_t> extents = inner.extents();
        for (std::int64_t& extent : extents) extent = std::max<std::int64_t>(extent, 0);
        extents.insert(extents.begin() + static_cast<std::ptrdiff_t>(at), 0);
        return make_tensor(*declared.dtype, Shape(std::move(extents)));
    }
    std::vector<Tensor> parts;
    for (const Tensor& tensor : tensors_) {
        if (tensor.shape() != inner) return invalid_argument("the trips differ in shape");
        parts.push_back(HF_TRY(with_axis(tensor, at)));
    }
    return concatenate(parts, static_cast<std::int64_t>(at));
}

std::vector<OpRow> control_rows() {
    return {{"", "If", nullptr, if_else}, {"", "Loop", nullptr, loop}};
}

}  // namespace hf::runtime::ref
