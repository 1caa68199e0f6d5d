#include "serve/signature_check.h"

namespace hf::serve {
namespace {

bool fits(const runtime::Port& port, const Shape& shape) {
    if (port.shape.rank() != shape.rank()) return false;
    for (std::size_t i = 0; i < shape.rank(); ++i) {
        if (port.shape[i] != Shape::kUnknown && port.shape[i] != shape[i]) return false;
    }
    return true;
}

}  // namespace

std::string names_of(const std::vector<runtime::Port>& ports) {
    std::string names;
    for (const runtime::Port& port : ports) names += (names.empty() ? "" : ", ") + port.name;
    return names;
}

Result<std::size_t> find_port(const std::vector<runtime::Port>& ports, std::string_view name) {
    for (std::size_t i = 0; i < ports.size(); ++i) {
        if (ports[i].name == name) return i;
    }
    return invalid_argument("/name: '{}' is not known; the model has: {}", name, names_of(ports));
}

Result<std::size_t> find_input(const runtime::Signature& signature, std::string_view name,
                               const std::vector<Tensor>& inputs) {
    const std::size_t index = HF_TRY(find_port(signature.inputs, name));
    if (!inputs[index].is_null()) return invalid_argument("/name: '{}' is given twice", name);
    return index;
}

Result<DType> read_datatype(std::string_view name) {
    const Result<DType> dtype = parse_oip_dtype(name);
    if (!dtype.ok()) return invalid_argument("/datatype: {}", dtype.status().message());
    return *dtype;
}

Result<Shape> read_shape(std::vector<std::int64_t> extents) {
    if (extents.size() > Shape::kMaxRank) {
        return invalid_argument("/shape: has {} extents; the limit is {}", extents.size(),
                                Shape::kMaxRank);
    }
    for (std::size_t i = 0; i < extents.size(); ++i) {
        if (extents[i] >= 0) continue;
        return invalid_argument("/shape/{}: must be an integer from 0 to {}", i,
                                Shape::kMaxElements);
    }
    Shape shape(std::move(extents));
    if (const Status status = shape.check(); !status.ok()) {
        return invalid_argument("/shape: {}", status.message());
    }
    return shape;
}

Status check_port(const runtime::Port& port, DType dtype, const Shape& shape) {
    if (dtype != port.dtype) {
        return invalid_argument("/datatype: '{}' must be {}, and is {}", port.name,
                                oip_name(port.dtype), oip_name(dtype));
    }
    if (!fits(port, shape)) {
        return invalid_argument("/shape: '{}' must have shape {}, and has {}", port.name,
                                port.shape.to_string(), shape.to_string());
    }
    return {};
}

Status check_inputs_given(const runtime::Signature& signature, const std::vector<Tensor>& inputs) {
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        if (!inputs[i].is_null()) continue;
        return invalid_argument("/inputs: '{}' is missing; the model takes: {}",
                                signature.inputs[i].name, names_of(signature.inputs));
    }
    return {};
}

Status check_sequence(const SequenceMark& mark) {
    if (mark.id.size() > kSequenceIdBytesMax) {
        return invalid_argument("/parameters/{}: has more than {} bytes", kSequenceId,
                                kSequenceIdBytesMax);
    }
    if (!mark.id.empty() || (!mark.start && !mark.end)) return {};
    return invalid_argument("/parameters/{}: must be given with {}", kSequenceId,
                            mark.start ? kSequenceStart : kSequenceEnd);
}

Status at(std::string_view array, std::size_t index, const Status& status) {
    return Status(status.code(), fmt::format("/{}/{}{}", array, index, status.message()));
}

}  // namespace hf::serve
