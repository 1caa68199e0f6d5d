// Sequences of tensors and optionals. A sequence holds tensors of one type, each of its own shape.

#include <algorithm>

#include "graph/onnx/tensor_proto.h"
#include "runtime/ref/interpreter.h"
#include "runtime/ref/ops/control.h"

namespace hf::runtime::ref {
namespace {

Status check_length(std::uint64_t length) {
    if (length <= kMaxSequenceLength) return {};
    return resource_exhausted("a sequence of {} tensors; the limit is {}", length,
                              kMaxSequenceLength);
}

// Which of `count` places the input names; counted from the end where it is negative.
Result<std::size_t> place_of(const DatumContext& context, std::size_t index, std::size_t count) {
    const std::vector<std::int64_t> given =
        HF_TRY(to_int64s(HF_TRY(need_tensor(context, index))).context("the position"));
    const auto places = static_cast<std::int64_t>(count);
    if (given.size() != 1) return invalid_argument("the position must be one number");
    if (given[0] < -places || given[0] >= places) {
        return out_of_range("position {} of {}", given[0], count);
    }
    return static_cast<std::size_t>(given[0] < 0 ? given[0] + places : given[0]);
}

bool is_given(const DatumContext& context, std::size_t index) {
    return index < context.inputs.size() && !context.inputs[index].is_nothing();
}

Data identity(const DatumContext& context) {
    if (context.inputs.empty()) return invalid_argument("input 0 is missing");
    return one(context.inputs[0]);
}

Data construct(const DatumContext& context) {
    HF_TRY(check_length(context.inputs.size()));
    Sequence sequence;
    for (std::size_t i = 0; i < context.inputs.size(); ++i) {
        sequence.push_back(HF_TRY(need_tensor(context, i)));
        if (sequence[i].dtype() != sequence[0].dtype()) {
            return invalid_argument("input {} is {} and input 0 {}", i,
                                    dtype_name(sequence[i].dtype()),
                                    dtype_name(sequence[0].dtype()));
        }
    }
    return one(Datum(std::move(sequence)));
}

Data empty(const DatumContext& context) {
    HF_TRY(graph::onnx::dtype_of(context.node.int_or("dtype", 1)));
    return one(Datum(Sequence()));
}

Data insert(const DatumContext& context) {
    Sequence sequence = *HF_TRY(need_sequence(context, 0));
    const Tensor tensor = HF_TRY(need_tensor(context, 1));
    HF_TRY(check_length(sequence.size() + 1));
    if (!sequence.empty() && tensor.dtype() != sequence[0].dtype()) {
        return invalid_argument("{} into a sequence of {}", dtype_name(tensor.dtype()),
                                dtype_name(sequence[0].dtype()));
    }
    std::size_t place = sequence.size();
    if (is_given(context, 2)) {
        // Before the element that a negative position names; behind the last at the length.
        const std::vector<std::int64_t> given =
            HF_TRY(to_int64s(HF_TRY(need_tensor(context, 2))).context("the position"));
        const bool behind =
            given.size() == 1 && given[0] == static_cast<std::int64_t>(sequence.size());
        if (!behind) place = HF_TRY(place_of(context, 2, sequence.size()));
    }
    sequence.insert(sequence.begin() + static_cast<std::ptrdiff_t>(place), tensor);
    return one(Datum(std::move(sequence)));
}

Data erase(const DatumContext& context) {
    Sequence sequence = *HF_TRY(need_sequence(context, 0));
    if (sequence.empty()) return out_of_range("the sequence is empty");
    std::size_t place = sequence.size() - 1;
    if (is_given(context, 1)) place = HF_TRY(place_of(context, 1, sequence.size()));
    sequence.erase(sequence.begin() + static_cast<std::ptrdiff_t>(place));
    return one(Datum(std::move(sequence)));
}

Data at(const DatumContext& context) {
    const Sequence& sequence = *HF_TRY(need_sequence(context, 0));
    return one(Datum(sequence[HF_TRY(place_of(context, 1, sequence.size()))]));
}

Data length(const DatumContext& context) {
    const auto count = static_cast<std::int64_t>(HF_TRY(need_sequence(context, 0))->size());
    return one(Datum(Tensor::of<std::int64_t>(DType::kI64, {}, std::span(&count, 1))));
}

// The lengths of the parts that an axis of `extent` is split into.
Result<std::vector<std::int64_t>> part_lengths(const Tensor* split, std::int64_t extent) {
    if (!split) {
        HF_TRY(check_length(static_cast<std::uint64_t>(extent)));
        return std::vector<std::int64_t>(static_cast<std::size_t>(extent), 1);
    }
    if (split->shape().rank() > 1) return invalid_argument("split has more than one axis");
    std::vector<std::int64_t> lengths = HF_TRY(to_int64s(*split).context("split"));
    if (split->shape().rank() == 0) {
        const std::int64_t each = lengths[0];
        if (each < 1) return invalid_argument("parts of {}", each);
        HF_TRY(check_length(static_cast<std::uint64_t>(extent / each)));
        lengths.assign(static_cast<std::size_t>(extent / each), each);
        if (extent % each != 0) lengths.push_back(extent % each);
        return lengths;
    }
    HF_TRY(check_length(lengths.size()));
    std::int64_t left = extent;
    for (std::int64_t length : lengths) {
        if (length < 0 || length > left) {
            return invalid_argument("split does not add up to {}", extent);
        }
        left -= length;
    }
    if (left != 0) return invalid_argument("split does not add up to {}", extent);
    return lengths;
}

Data split(const DatumContext& context) {
    const Tensor input = HF_TRY(need_tensor(context, 0));
    const std::size_t axis =
        HF_TRY(normalize_axis(context.node.int_or("axis", 0), input.shape().rank()));
    const Tensor* split = context.tensor(1);
    const std::vector<std::int64_t> lengths = HF_TRY(part_lengths(split, input.shape()[axis]));
    const bool drops_axis = !split && context.node.int_or("keepdims", 1) == 0;
    Sequence parts;
    std::int64_t first = 0;
    for (std::int64_t length : lengths) {
        const Tensor part = HF_TRY(slice_of(input, axis, first, length));
        parts.push_back(drops_axis ? without_axis(part, axis) : part);
        first += length;
    }
    return one(Datum(std::move(parts)));
}

Data concat(const DatumContext& context) {
    const Sequence& sequence = *HF_TRY(need_sequence(context, 0));
    if (sequence.empty()) return invalid_argument("the sequence is empty");
    const std::int64_t axis = context.node.int_or("axis", 0);
    if (context.node.int_or("new_axis", 0) == 0) {
        return one(Datum(HF_TRY(concatenate(sequence, axis))));
    }
    std::vector<Tensor> parts;
    for (const Tensor& tensor : sequence) {
        const std::size_t at = HF_TRY(normalize_axis(axis, tensor.shape().rank() + 1));
        parts.push_back(HF_TRY(with_axis(tensor, at)));
    }
    return one(Datum(HF_TRY(concatenate(parts, axis))));
}

Data map(const DatumContext& context) {
    const graph::Graph* body = context.node.subgraph("body");
    if (!body) return invalid_argument("the body is missing");
    const std::size_t count = HF_TRY(need_sequence(context, 0))->size();
    for (std::size_t i = 0; i < context.inputs.size(); ++i) {
        const Sequence* other = context.sequence(i);
        if (other && other->size() != count) {
            return invalid_argument("input {} has {} elements and input 0 {}", i, other->size(),
                                    count);
        }
    }
    std::vector<Trips> results(body->outputs.size());
    for (std::size_t k = 0; k < count; ++k) {
        std::vector<Datum> inputs;
        for (const Datum& input : context.inputs) {
            inputs.push_back(input.sequence() ? Datum((*input.sequence())[k]) : input);
        }
        const std::vector<Datum> outputs =
            HF_TRY(context.subgraphs.run(*body, inputs).context("element {}", k));
        for (std::size_t i = 0; i < results.size(); ++i) {
            HF_TRY(results[i].add(outputs[i]).context("output {} of element {}", i, k));
        }
    }
    std::vector<Datum> sequences;
    for (Trips& result : results) sequences.emplace_back(result.take());
    return sequences;
}

// Of a tensor, a sequence, or nothing, which is what an empty optional is.
Data optional(const DatumContext& context) {
    return one(context.inputs.empty() ? Datum() : context.inputs[0]);
}

Data get_element(const DatumContext& context) {
    if (!is_given(context, 0)) return failed_precondition("the optional is empty");
    return one(context.inputs[0]);
}

Data has_element(const DatumContext& context) {
    const std::uint8_t has = is_given(context, 0);
    return one(Datum(Tensor::of<std::uint8_t>(DType::kBool, {}, std::span(&has, 1))));
}

}  // namespace

std::vector<OpRow> sequence_rows() {
    return {{"", "Identity", nullptr, identity},
            {"", "SequenceConstruct", nullptr, construct},
            {"", "SequenceEmpty", nullptr, empty},
            {"", "SequenceInsert", nullptr, insert},
            {"", "SequenceErase", nullptr, erase},
            {"", "SequenceAt", nullptr, at},
            {"", "SequenceLength", nullptr, length},
            {"", "SplitToSequence", nullptr, split},
            {"", "ConcatFromSequence", nullptr, concat},
            {"", "SequenceMap", nullptr, map},
            {"", "Optional", nullptr, optional},
            {"", "OptionalGetElement", nullptr, get_element},
            {"", "OptionalHasElement", nullptr, has_element}};
}

}  // namespace hf::runtime::ref
