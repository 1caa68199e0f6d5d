// Operators that make, read or change shapes.

#include <algorithm>

#include "graph/infer/rows.h"
#include "graph/onnx/tensor_proto.h"

namespace hf::graph::infer {
namespace {

Status shape_of(Context& context) {
    const Shape* shape = context.shape(0);
    if (!shape) return context.set(0, DType::kI64, Shape{kUnknown});
    const auto rank = static_cast<std::int64_t>(shape->rank());
    const auto clamp = [&](std::int64_t at) {
        return std::clamp(at < 0 ? at + rank : at, std::int64_t{0}, rank);
    };
    const std::int64_t start = clamp(context.node.int_or("start", 0));
    const std::int64_t end = std::max(start, clamp(context.node.int_or("end", rank)));
    HF_TRY(context.set(0, DType::kI64, Shape{end - start}));
    Content content;
    for (std::int64_t i = start; i < end; ++i) {
        const std::int64_t extent = (*shape)[static_cast<std::size_t>(i)];
        content.push_back(extent < 0 ? kUnknownElement : static_cast<double>(extent));
    }
    context.set_content(0, std::move(content));
    return {};
}

Status size_of(Context& context) {
    HF_TRY(context.set(0, DType::kI64, Shape()));
    const Shape* shape = context.shape(0);
    const std::int64_t size = shape ? product(shape->extents()) : kUnknown;
    if (size >= 0) context.set_content(0, {static_cast<double>(size)});
    return {};
}

// Solves the one extent that the others and the number of elements decide.
void solve(Shape& wanted, std::size_t open, const Shape& from, const std::vector<bool>& is_copied) {
    std::vector<std::int64_t> before, after;
    for (std::size_t i = 0; i < from.rank(); ++i) {
        if (i >= is_copied.size() || !is_copied[i]) before.push_back(from[i]);
    }
    for (std::size_t i = 0; i < wanted.rank(); ++i) {
        if (i != open && !is_copied[i]) after.push_back(wanted[i]);
    }
    const std::int64_t elements = product(before);
    const std::int64_t known = product(after);
    if (elements >= 0 && known > 0 && elements % known == 0) wanted[open] = elements / known;
}

Status check_elements(const Shape& from, const Shape& to) {
    if (!from.is_known() || !to.is_known() || from.check().ok() != to.check().ok()) return {};
    if (from.elements() == to.elements()) return {};
    return invalid_argument("cannot reshape {} into {}", from.to_string(), to.to_string());
}

// The shape that the elements of `target` ask for.
Result<Shape> reshaped(const Context& context, const Content& target) {
    const Shape* from = context.shape(0);
    const bool zero_is_zero = context.node.int_or("allowzero", 0) != 0;
    Shape wanted(std::vector<std::int64_t>(target.size(), kUnknown));
    std::vector<bool> is_copied(target.size(), false);
    std::optional<std::size_t> open;
    bool marked = false;
    std::size_t unknown = 0;
    for (std::size_t i = 0; i < target.size(); ++i) {
        if (!is_known(target[i])) {
            open = i;
            ++unknown;
            continue;
        }
        const auto extent = static_cast<std::int64_t>(target[i]);
        if (extent < -1) return invalid_argument("the new shape has extent {}", extent);
        if (extent == -1) {
            if (marked) return invalid_argument("the new shape has more than one -1");
            marked = true;
            open = i;
            ++unknown;
        } else if (extent == 0 && !zero_is_zero) {
            if (from && i >= from->rank()) return invalid_argument("0 at axis {} has no source", i);
            wanted[i] = from ? (*from)[i] : kUnknown;
            is_copied[i] = from != nullptr;
        } else {
            wanted[i] = extent;
        }
    }
    if (unknown == 1 && from) solve(wanted, *open, *from, is_copied);
    if (from) HF_TRY(check_elements(*from, wanted));
    return wanted;
}

Status reshape(Context& context) {
    std::optional<Content> target;
    if (context.node.has("shape")) {
        target.emplace();
        for (std::int64_t extent : context.node.ints_or("shape", {})) {
            target->push_back(static_cast<double>(extent));
        }
    } else if (const Content* content = context.content(1)) {
        target = *content;
    }
    if (target) {
        HF_TRY(context.set(0, context.dtype(0), HF_TRY(reshaped(context, *target))));
    } else {
        const Shape* length = context.shape(1);
        std::optional<Shape> open;
        if (length && length->rank() == 1 && (*length)[0] >= 0) {
            if ((*length)[0] > static_cast<std::int64_t>(Shape::kMaxRank)) {
                return invalid_argument("a new shape of {} axes", (*length)[0]);
            }
            open =
                Shape(std::vector<std::int64_t>(static_cast<std::size_t>((*length)[0]), kUnknown));
        }
        HF_TRY(context.set(0, context.dtype(0), open));
    }
    if (const Content* content = context.content(0)) context.set_content(0, *content);
    return {};
}

Status flatten(Context& context) {
    const Shape* from = context.shape(0);
    if (!from) return context.set(0, context.dtype(0), Shape{kUnknown, kUnknown});
    const auto rank = static_cast<std::int64_t>(from->rank());
    std::int64_t axis = context.node.int_or("axis", 1);
    if (axis < -rank || axis > rank) return invalid_argument("axis {} is out of range", axis);
    if (axis < 0) axis += rank;
    const std::span<const std::int64_t> extents(from->extents());
    const auto at = static_cast<std::size_t>(axis);
    return context.set(0, context.dtype(0),
                       Shape{product(extents.first(at)), product(extents.subspan(at))});
}

Status squeeze(Context& context) {
    const Shape* from = context.shape(0);
    const auto axes = context.ints("axes", 1);
    const bool given = context.node.has("axes") || context.has_input(1);
    if (!from || !axes) return context.set(0, context.dtype(0), std::nullopt);
    std::vector<bool> drop(from->rank(), false);
    for (std::int64_t axis : *axes) {
        const std::size_t at = HF_TRY(normalize_axis(axis, from->rank()));
        if ((*from)[at] != 1 && (*from)[at] != kUnknown) {
            return invalid_argument("axis {} of {} is not 1", axis, from->to_string());
        }
        drop[at] = true;
    }
    std::vector<std::int64_t> extents;
    const bool all = !given || axes->empty();
    for (std::size_t i = 0; i < from->rank(); ++i) {
        // Without axes an unknown extent might be 1, so the rank is not known.
        if (all && (*from)[i] == kUnknown) return context.set(0, context.dtype(0), std::nullopt);
        if (all ? (*from)[i] != 1 : !drop[i]) extents.push_back((*from)[i]);
    }
    HF_TRY(context.set(0, context.dtype(0), Shape(std::move(extents))));
    if (const Content* content = context.content(0)) context.set_content(0, *content);
    return {};
}

Status unsqueeze(Context& context) {
    const Shape* from = context.shape(0);
    const auto axes = context.ints("axes", 1);
    if (!from || !axes) return context.set(0, context.dtype(0), std::nullopt);
    const std::size_t rank = from->rank() + axes->size();
    std::vector<bool> fresh(rank, false);
    for (std::int64_t axis : *axes) {
        const std::size_t at = HF_TRY(normalize_axis(axis, rank));
        if (fresh[at]) return invalid_argument("axis {} is given twice", axis);
        fresh[at] = true;
    }
    std::vector<std::int64_t> extents;
    std::size_t next = 0;
    for (std::size_t i = 0; i < rank; ++i) extents.push_back(fresh[i] ? 1 : (*from)[next++]);
    HF_TRY(context.set(0, context.dtype(0), Shape(std::move(extents))));
    if (const Content* content = context.content(0)) context.set_content(0, *content);
    return {};
}

// The shape that the elements of an input spell, as far as they are known.
Result<std::optional<Shape>> spelled(const Context& context, std::size_t index) {
    if (const Content* content = context.content(index)) {
        std::vector<std::int64_t> extents;
        for (double element : *content) {
            extents.push_back(extent_of(element));
            if (is_known(element) && element < 0) {
                return invalid_argument("the shape has extent {}", element);
            }
        }
        return std::optional(Shape(std::move(extents)));
    }
    const Shape* length = context.shape(index);
    if (!length || length->rank() != 1 || (*length)[0] < 0 ||
        (*length)[0] > static_cast<std::int64_t>(Shape::kMaxRank)) {
        return std::optional<Shape>();
    }
    return std::optional(
        Shape(std::vector<std::int64_t>(static_cast<std::size_t>((*length)[0]), kUnknown)));
}

Status constant_of_shape(Context& context) {
    const Tensor* value = context.node.tensor("value");
    const DType dtype = value ? value->dtype() : DType::kF32;
    const std::optional<Shape> shape = HF_TRY(spelled(context, 0));
    HF_TRY(context.set(0, dtype, shape));
    if (is_followed(dtype, shape) && dtype == DType::kI64 && value && value->elements() == 1) {
        context.set_content(0, Content(static_cast<std::size_t>(shape->elements()),
                                       static_cast<double>(value->values<std::int64_t>()[0])));
    }
    return {};
}

Status expand(Context& context) {
    const Shape* from = context.shape(0);
    const std::optional<Shape> to = HF_TRY(spelled(context, 1));
    if (!from || !to) return context.set(0, context.dtype(0), std::nullopt);
    HF_TRY(context.set(0, context.dtype(0), HF_TRY(broadcast(*from, *to))));
    const Content* content = context.content(0);
    if (content && content->size() == 1 && is_followed(context.dtype(0), to)) {
        context.set_content(0, Content(static_cast<std::size_t>(to->elements()), (*content)[0]));
    }
    return {};
}

Status range(Context& context) {
    const Content* start = context.content(0);
    const Content* limit = context.content(1);
    const Content* delta = context.content(2);
    const bool known = start && limit && delta && start->size() == 1 && limit->size() == 1 &&
                       delta->size() == 1 && is_known((*start)[0]) && is_known((*limit)[0]) &&
                       is_known((*delta)[0]);
    if (!known || (*delta)[0] == 0) return context.set(0, context.dtype(0), Shape{kUnknown});
    const double count = std::max(0.0, std::ceil(((*limit)[0] - (*start)[0]) / (*delta)[0]));
    if (!(count < 1e9)) return context.set(0, context.dtype(0), Shape{kUnknown});
    HF_TRY(context.set(0, context.dtype(0), Shape{static_cast<std::int64_t>(count)}));
    if (count > static_cast<double>(kMaxContentElements) || context.dtype(0) == DType::kF32) {
        return {};
    }
    Content content;
    for (double i = 0; i < count; ++i) content.push_back((*start)[0] + i * (*delta)[0]);
    context.set_content(0, std::move(content));
    return {};
}

Status constant(Context& context) {
    const Tensor* value = context.node.tensor("value");
    return value ? context.set(0, value->dtype(), value->shape()) : Status();
}

Status eye_like(Context& context) {
    std::optional<DType> dtype = context.dtype(0);
    if (context.node.has("dtype")) dtype = HF_TRY(onnx::dtype_of(context.node.int_or("dtype", 1)));
    const Shape* shape = context.shape(0);
    return context.set(0, dtype, shape ? std::optional<Shape>(*shape) : std::nullopt);
}

}  // namespace

std::vector<Row> shape_rows() {
    return {{"", "Shape", shape_of},
            {"", "Size", size_of},
            {"", "Reshape", reshape},
            {"", "Flatten", flatten},
            {"", "Squeeze", squeeze},
            {"", "Unsqueeze", unsqueeze},
            {"", "ConstantOfShape", constant_of_shape},
            {"", "Constant", constant},
            {"", "Expand", expand},
            {"", "EyeLike", eye_like},
            {"", "Range", range}};
}

}  // namespace hf::graph::infer
