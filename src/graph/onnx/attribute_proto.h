// ONNX AttributeProto, its fields apart: what they mean depends on where the attribute stands.
// Throws std::exception on malformed bytes, which the importer catches.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace hf::graph::onnx {

// What an AttributeProto held, by field; which one counts is told by `type` or, in old files, by
// presence.
struct AttributeFields {
    std::string name;
    std::string reference;  // the attribute of the enclosing function that it stands for
    std::int64_t type = 0;
    std::optional<float> f;
    std::optional<std::int64_t> i;
    std::optional<std::string> s;
    std::optional<ByteView> tensor, graph;
    std::vector<float> floats;
    std::vector<std::int64_t> ints;
    std::vector<std::string> strings;
};

AttributeFields read_attribute(ByteView bytes);

// AttributeProto's own numbers: 1 FLOAT, 2 INT, 3 STRING, 4 TENSOR, 5 GRAPH, 6 to 8 lists of the
// first three.
std::int64_t effective_type(const AttributeFields& fields);

}  // namespace hf::graph::onnx
