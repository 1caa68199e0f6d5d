#include "runtime/cpu/steps/common.h"

namespace hf::runtime::cpu {
namespace {

Status expect_operand(const Operand& operand, DType dtype, std::size_t rank) {
    if (operand.place == Place::kNone) return invalid_argument("it is omitted");
    if (operand.dtype != dtype) {
        return invalid_argument("want {}, got {}", dtype_name(dtype), dtype_name(operand.dtype));
    }
    if (rank != OperationReader::kAnyRank && operand.shape.rank() != rank) {
        return invalid_argument("want {} axes, got {}", rank, operand.shape.to_string());
    }
    return {};
}

}  // namespace

Status OperationReader::expect(const Counts& counts) const {
    if (operation_.inputs.size() != counts.inputs || operation_.outputs.size() != counts.outputs ||
        operation_.ints.size() != counts.ints || operation_.floats.size() != counts.floats) {
        return invalid_argument(
            "want {} inputs, {} outputs, {} integers, {} reals; got {}, {}, {}, {}", counts.inputs,
            counts.outputs, counts.ints, counts.floats, operation_.inputs.size(),
            operation_.outputs.size(), operation_.ints.size(), operation_.floats.size());
    }
    return {};
}

Status OperationReader::expect_input(std::size_t index, DType dtype, std::size_t rank) const {
    return expect_operand(operation_.inputs[index], dtype, rank).context("input {}", index);
}

Status OperationReader::expect_output(std::size_t index, DType dtype, std::size_t rank) const {
    return expect_operand(operation_.outputs[index], dtype, rank).context("output {}", index);
}

Status OperationReader::expect_elements(std::size_t index, DType dtype,
                                        std::uint64_t elements) const {
    HF_TRY(expect_input(index, dtype, kAnyRank));
    const auto got = static_cast<std::uint64_t>(input(index).elements());
    if (got != elements) {
        return invalid_argument("input {} has {} elements, want {}", index, got, elements);
    }
    return {};
}

Status OperationReader::expect_output_elements(std::size_t index, DType dtype,
                                               std::uint64_t elements) const {
    HF_TRY(expect_output(index, dtype, kAnyRank));
    const auto got = static_cast<std::uint64_t>(output(index).elements());
    if (got != elements) {
        return invalid_argument("output {} has {} elements, want {}", index, got, elements);
    }
    return {};
}

Status OperationReader::expect_scratch(std::uint64_t bytes) const {
    const Operand& scratch = operation_.scratch;
    const std::uint64_t got = scratch.place == Place::kArena ? scratch.size_bytes() : 0;
    if (got < bytes) return invalid_argument("{} bytes of scratch, want {}", got, bytes);
    return {};
}

Result<std::size_t> OperationReader::integer(std::size_t index, std::int64_t low,
                                             std::int64_t high) const {
    const std::int64_t value = operation_.ints[index];
    if (value < low || value > high) {
        return invalid_argument("integer {} is {}, want {} to {}", index, value, low, high);
    }
    return static_cast<std::size_t>(value);
}

}  // namespace hf::runtime::cpu
