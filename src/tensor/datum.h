// Datum: what one value of a graph is while the graph runs. A tensor, a sequence of tensors, or
// nothing: an optional that is empty, or an input that is omitted. An optional that holds something
// is that thing, so that there is nothing to unwrap and nothing nests.
//
// Thread-safety: a value; copies share the bytes of tensors and the list of a sequence.

#pragma once

#include <memory>
#include <string_view>
#include <variant>
#include <vector>

#include "tensor/tensor.h"

namespace hf {

using Sequence = std::vector<Tensor>;

class Datum final {
public:
    Datum() = default;    // nothing
    Datum(Tensor tensor)  // nothing when the tensor is null
        : held_(tensor.is_null() ? Held() : Held(std::move(tensor))) {}
    Datum(Sequence sequence) : held_(std::make_shared<const Sequence>(std::move(sequence))) {}

    bool is_nothing() const { return std::holds_alternative<std::monostate>(held_); }

    // nullptr when it is something else.
    const Tensor* tensor() const { return std::get_if<Tensor>(&held_); }
    const Sequence* sequence() const {
        const SequencePtr* sequence = std::get_if<SequencePtr>(&held_);
        return sequence ? sequence->get() : nullptr;
    }

    // For messages: "a tensor", "a sequence", "an empty optional".
    std::string_view kind() const;

    // Bytes of all tensors, strings included; shared ones are counted each time.
    std::uint64_t size_bytes() const;

private:
    using SequencePtr = std::shared_ptr<const Sequence>;
    using Held = std::variant<std::monostate, Tensor, SequencePtr>;

    Held held_;
};

}  // namespace hf
