// The TFLite builtin operators that the importer knows: their codes, and how their option tables
// become attributes. Source: the public schema, tensorflow/lite/schema/schema.fbs, version 3.

#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/status.h"
#include "graph/graph.h"
#include "graph/tflite/flatbuffer.h"

namespace hf::graph::tflite {

enum class OptionKind : unsigned char {
    kInt,         // int32 -> int
    kBool,        // -> int 0 or 1
    kFloat,       // -> float
    kInts,        // [int32] -> ints; absent when the vector is
    kPadding,     // -> "SAME" or "VALID"
    kActivation,  // -> "NONE", "RELU", "RELU_N1_TO_1", "RELU6"
    kRefused,     // a byte that must be 0: a variant that Holdfast does not have
};

struct Option {
    FieldId field;
    std::string_view attribute;
    OptionKind kind;
    std::int32_t fallback = 0;
};

struct Builtin {
    std::int32_t code;
    std::string_view name;
    std::uint8_t options_type;  // the tag in the union of option tables; 0: no options are read
    std::span<const Option> options;
    std::size_t inputs_min;
    std::size_t inputs_max;
};

// nullptr for a code that the importer does not know.
const Builtin* find_builtin(std::int32_t code);

// Sets the attributes of `node` from its option table (nullopt: the schema's defaults).
Status read_options(const Builtin& builtin, const std::optional<Table>& table, Node& node);

}  // namespace hf::graph::tflite
