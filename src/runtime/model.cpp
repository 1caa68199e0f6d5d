#include "runtime/model.h"

namespace hf::runtime {
namespace {

bool fits(const Shape& wanted, const Shape& given) {
    if (wanted.rank() != given.rank()) return false;
    for (std::size_t axis = 0; axis < wanted.rank(); ++axis) {
        if (wanted[axis] != Shape::kUnknown && wanted[axis] != given[axis]) return false;
    }
    return true;
}

}  // namespace

Status check_inputs(const Signature& signature, std::span<const Tensor> inputs) {
    if (inputs.size() != signature.inputs.size()) {
        return invalid_argument("the model takes {} inputs and got {}", signature.inputs.size(),
                                inputs.size());
    }
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        const Port& port = signature.inputs[i];
        const Tensor& tensor = inputs[i];
        if (tensor.is_null()) return invalid_argument("input '{}' is missing", port.name);
        if (tensor.dtype() != port.dtype || !fits(port.shape, tensor.shape())) {
            return invalid_argument("input '{}': want {}[{}], got {}[{}]", port.name,
                                    dtype_name(port.dtype), port.shape.to_string(),
                                    dtype_name(tensor.dtype()), tensor.shape().to_string());
        }
    }
    return {};
}

}  // namespace hf::runtime
