#include "graph/onnx/weights.h"

#include "base/protobuf.h"
#include "graph/onnx/import.h"
#include "graph/onnx/tensor_proto.h"

namespace hf::graph::onnx {
namespace {

using Reader = protozero::pbf_reader;

class Finder final {
public:
    explicit Finder(ByteView file) : file_(file) {}

    void read_model() {
        Reader model(reinterpret_cast<const char*>(file_.data()), file_.size());
        while (model.next()) {
            if (model.tag() == 7) {
                read_graph(model.get_message(), 0);
            } else {
                model.skip();
            }
        }
    }

    std::vector<WeightPlace> places;

private:
    void read_graph(Reader graph, int depth) {
        if (depth > kMaxSubgraphDepth) return;
        while (graph.next()) {
            switch (graph.tag()) {
                case 1: read_node(graph.get_message(), depth); break;
                case 5: read_tensor(graph.get_message(), {}); break;
                default: graph.skip();
            }
        }
    }

    // Tensors in attributes mostly have no name: they go by the node's first output.
    void read_node(Reader node, int depth) {
        std::string output;
        while (node.next()) {
            if (node.tag() == 2 && output.empty()) {
                output = node.get_string();
            } else if (node.tag() == 5) {
                read_attribute(node.get_message(), output, depth);
            } else {
                node.skip();
            }
        }
    }

    void read_attribute(Reader attribute, const std::string& owner, int depth) {
        while (attribute.next()) {
            switch (attribute.tag()) {
                case 5:
                case 10: read_tensor(attribute.get_message(), owner); break;
                case 6:
                case 11: read_graph(attribute.get_message(), depth + 1); break;
                default: attribute.skip();
            }
        }
    }

    void read_tensor(Reader tensor, const std::string& owner) {
        std::string name;
        std::int64_t type = 0;
        protozero::data_view data;
        while (tensor.next()) {
            const bool packed = tensor.wire_type() == protozero::pbf_wire_type::length_delimited;
            switch (tensor.tag()) {
                case 2: type = tensor.get_int32(); break;
                case 8: name = tensor.get_string(); break;
                case 9: data = tensor.get_view(); break;
                case 4:
                case 10:  // typed reals, as wide as the type; integers have varying widths
                    if (packed) {
                        data = tensor.get_view();
                        break;
                    }
                    [[fallthrough]];
                default: tensor.skip();
            }
        }
        const Result<DType> dtype = dtype_of(type);
        if (!dtype.ok() || data.size() == 0) return;
        const auto* start = reinterpret_cast<const std::uint8_t*>(data.data());
        places.push_back({name.empty() ? owner : name,
                          static_cast<std::uint64_t>(start - file_.data()), data.size(), *dtype});
    }

    ByteView file_;
};

}  // namespace

std::vector<WeightPlace> find_weights(ByteView file) {
    Finder finder(file);
    try {
        finder.read_model();
    } catch (const std::exception&) {
        return {};
    }
    return std::move(finder.places);
}

}  // namespace hf::graph::onnx
