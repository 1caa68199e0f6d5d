#include "graph/onnx/import.h"

#include "base/protobuf.h"
#include "graph/onnx/gradient.h"
#include "graph/onnx/graph_import.h"
#include "graph/onnx/maps.h"

namespace hf::graph::onnx {
namespace {

using Reader = protozero::pbf_reader;

ByteView to_view(protozero::data_view view) {
    return {reinterpret_cast<const std::uint8_t*>(view.data()), view.size()};
}

struct ModelFields {
    Opsets opsets;
    std::map<std::string, std::string> metadata;
    std::optional<ByteView> graph;
    std::vector<ByteView> functions;
};

std::pair<std::string, std::string> read_entry(Reader entry) {
    std::pair<std::string, std::string> found;
    while (entry.next()) {
        if (entry.tag() == 1) {
            found.first = entry.get_string();
        } else if (entry.tag() == 2) {
            found.second = entry.get_string();
        } else {
            entry.skip();
        }
    }
    return found;
}

ModelFields read_model(ByteView bytes) {
    ModelFields fields;
    Reader message(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    while (message.next()) {
        switch (message.tag()) {
            case 2: fields.metadata["producer"] = message.get_string(); break;
            case 7: fields.graph = to_view(message.get_view()); break;
            case 8: read_opset(to_view(message.get_view()), fields.opsets); break;
            case 14: fields.metadata.insert(read_entry(message.get_message())); break;
            case 25: fields.functions.push_back(to_view(message.get_view())); break;
            default: message.skip();
        }
    }
    // Files of IR version 1 have no import; their operators are those of opset 1.
    fields.opsets.try_emplace("", 1);
    return fields;
}

}  // namespace

Result<Graph> import_model(ByteView bytes, const ExternalData& external_data) {
    try {
        ModelFields fields = read_model(bytes);
        if (!fields.graph) return invalid_argument("not an ONNX model: it has no graph");
        HF_TRY(check_opsets(fields.opsets));
        ModelContext context{std::move(fields.opsets), external_data, {}};
        for (ByteView function : fields.functions) HF_TRY(context.functions.add(function));
        Graph graph = HF_TRY(import_graph(context, *fields.graph));
        graph.metadata = std::move(fields.metadata);
        take_maps_apart(graph);
        unfold_gradients(graph);
        return graph;
    } catch (const std::exception& error) {
        return invalid_argument("malformed or truncated ONNX file: {}", error.what());
    }
}

bool looks_like_model(ByteView bytes) {
    try {
        return read_model(bytes).graph.has_value();
    } catch (const std::exception&) {
        return false;
    }
}

}  // namespace hf::graph::onnx
