#include "graph/weights.h"

#include <algorithm>

#include "graph/load.h"
#include "graph/onnx/weights.h"
#include "graph/safetensors/weights.h"
#include "graph/tflite/weights.h"

namespace hf::graph {
namespace {

std::vector<WeightPlace> find_all(ByteView file) {
    if (safetensors::looks_like_file(file)) return safetensors::find_weights(file);
    switch (detect_format(file)) {
        case Format::kOnnx: return onnx::find_weights(file);
        case Format::kTflite: return tflite::find_weights(file);
        case Format::kUnknown: break;
    }
    return {};
}

}  // namespace

std::vector<WeightPlace> find_weights(ByteView file) {
    std::vector<WeightPlace> found = find_all(file);
    std::stable_sort(found.begin(), found.end(), [](const WeightPlace& a, const WeightPlace& b) {
        return a.offset < b.offset;
    });
    std::vector<WeightPlace> places;
    std::uint64_t end = 0;
    for (WeightPlace& place : found) {
        const std::size_t width = dtype_size(place.dtype);
        const bool inside = place.offset >= end && place.offset <= file.size() &&
                            place.size <= file.size() - place.offset;
        if (!inside || width == 0 || place.size == 0 || place.size % width != 0) continue;
        end = place.offset + place.size;
        places.push_back(std::move(place));
    }
    return places;
}

}  // namespace hf::graph
