// Ports of a model by what a declaration says of them, and numbers of any type in them. Pure.

#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "runtime/model.h"
#include "serve/tasks/fields.h"

namespace hf::serve::tasks {

// How an integer q stands for a number: scale * (q - zero_point).
struct Quantization {
    double scale = 1;
    std::int64_t zero_point = 0;
};

// {"scale": 0.0039, "zero_point": -128} at `key`. One that is not there is refused for i8 and the
// other signed integers, which cannot hold what is meant by chance, and is 1 and 0 else.
Result<Quantization> read_quantization(const Fields& fields, std::string_view key,
                                       const runtime::Port& port);

// The port that the text at `key` names; without one the only port.
Result<std::size_t> read_port(const Fields& fields, std::string_view key,
                              const std::vector<runtime::Port>& ports);

// Whether numbers of that type are read and written here.
bool is_numeric(DType dtype);

// Writes numbers as the type wants them: integers are quantised, rounded to even and kept within
// their type's range. REQUIRES: is_numeric(), as many as the tensor has elements.
void write_numbers(std::span<const float> numbers, const Quantization& quantization,
                   Tensor& tensor);

// All of a tensor's elements. REQUIRES: is_numeric().
std::vector<float> read_numbers(const Tensor& tensor, const Quantization& quantization);

}  // namespace hf::serve::tasks
