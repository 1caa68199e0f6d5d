#include "cli/weight_tensors.h"

#include "graph/weights.h"

namespace hf::cli {

std::vector<vault::delta::Tensor> find_weight_tensors(ByteView file) {
    std::vector<vault::delta::Tensor> tensors;
    for (graph::WeightPlace& place : graph::find_weights(file)) {
        tensors.push_back({std::move(place.name), place.offset, place.size,
                           vault::delta::element_of(place.dtype)});
    }
    return tensors;
}

}  // namespace hf::cli
