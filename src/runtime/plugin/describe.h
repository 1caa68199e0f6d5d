// A graph in the words of device_abi.h.
//
// Ownership: the description borrows names and constants from the graph and owns everything else.
// Not copied or moved: its parts point to each other.

#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "runtime/plugin/device_abi.h"

namespace hf::runtime {

class Description final {
public:
    // REQUIRES: `graph` outlives the description.
    explicit Description(const graph::Graph& graph);
    Description(const Description&) = delete;
    Description& operator=(const Description&) = delete;

    const hf_device_graph& graph() const { return graph_; }

private:
    hf_device_value describe(const graph::Value& value);
    hf_device_node describe(const graph::Node& node);
    hf_device_attribute describe(const std::string& name, const graph::Attribute& attribute);
    const uint32_t* describe(const std::vector<graph::ValueId>& ids);

    std::vector<hf_device_value> values_;
    std::vector<hf_device_node> nodes_;
    // A deque's elements stay where they are.
    std::deque<std::vector<uint32_t>> ids_;
    std::deque<std::vector<hf_device_attribute>> attributes_;
    std::deque<std::vector<hf_device_string>> strings_;
    std::deque<hf_device_value> tensors_;
    std::deque<hf_device_quantization> quantizations_;
    hf_device_graph graph_{};
};

// Zeroes where the type is not known.
hf_device_type describe_type(const std::optional<DType>& dtype, const std::optional<Shape>& shape);

// "f32[1x8]"; whatever a plug-in wrote.
std::string type_text(const hf_device_type& type);

}  // namespace hf::runtime
