// Whether what an inference request says fits the model's signature, whatever it is written in. An
// error begins with the rest of a JSON pointer to its place in the request: "/shape: 'x' must have
// shape ?x2, and has 1x3". Pure functions.

#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "runtime/model.h"
#include "serve/sequence/mark.h"

namespace hf::serve {

// Parameters of tensors that ask for extensions of the protocol which are not offered.
inline constexpr std::array<std::string_view, 1> kNotOffered{"classification"};

std::string names_of(const std::vector<runtime::Port>& ports);

Result<std::size_t> find_port(const std::vector<runtime::Port>& ports, std::string_view name);

// The input of that name, unless `inputs`, in signature order, has it already.
Result<std::size_t> find_input(const runtime::Signature& signature, std::string_view name,
                               const std::vector<Tensor>& inputs);

Result<DType> read_datatype(std::string_view name);
Result<Shape> read_shape(std::vector<std::int64_t> extents);

Status check_port(const runtime::Port& port, DType dtype, const Shape& shape);

// That none of the inputs is missing.
Status check_inputs_given(const runtime::Signature& signature, const std::vector<Tensor>& inputs);

// That a request which starts or ends a sequence names it, in so many bytes.
inline constexpr std::size_t kSequenceIdBytesMax = 256;
Status check_sequence(const SequenceMark& mark);

// The place of an error in a member of an array: "/inputs/3" in front of it.
Status at(std::string_view array, std::size_t index, const Status& status);

}  // namespace hf::serve
