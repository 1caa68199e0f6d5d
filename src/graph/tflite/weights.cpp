#include "graph/tflite/weights.h"

#include "graph/tflite/flatbuffer.h"
#include "graph/tflite/import.h"

namespace hf::graph::tflite {
namespace {

Status add_tensor(const Table& tensor, const TableVector& buffers, ByteView file,
                  std::vector<WeightPlace>& places) {
    const auto index = HF_TRY(tensor.scalar<std::uint32_t>(2, 0));
    const Result<DType> dtype = dtype_of(HF_TRY(tensor.scalar<std::int8_t>(1, 0)));
    if (index == 0 || !dtype.ok()) return {};
    const Table buffer = HF_TRY(buffers[index]);
    const ByteView data = HF_TRY(buffer.scalars<std::uint8_t>(0)).bytes();
    if (data.empty()) return {};
    std::string name = HF_TRY(tensor.string(3));
    places.push_back({std::move(name), static_cast<std::uint64_t>(data.data() - file.data()),
                      data.size(), *dtype});
    return {};
}

Status add_all(ByteView file, std::vector<WeightPlace>& places) {
    Flatbuffer flatbuffer(file);
    const Table model = HF_TRY(Table::root(flatbuffer));
    const TableVector buffers = HF_TRY(model.tables(4));
    const TableVector subgraphs = HF_TRY(model.tables(2));
    for (std::size_t i = 0; i < subgraphs.size(); ++i) {
        const Table subgraph = HF_TRY(subgraphs[i]);
        const TableVector tensors = HF_TRY(subgraph.tables(0));
        for (std::size_t j = 0; j < tensors.size(); ++j) {
            const Table tensor = HF_TRY(tensors[j]);
            HF_TRY(add_tensor(tensor, buffers, file, places));
        }
    }
    return {};
}

}  // namespace

std::vector<WeightPlace> find_weights(ByteView file) {
    std::vector<WeightPlace> places;
    if (!add_all(file, places).ok()) places.clear();
    return places;
}

}  // namespace hf::graph::tflite
