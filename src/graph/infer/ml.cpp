// The operators of ai.onnx.ml whose outputs have one tensor type.

#include "graph/infer/rows.h"

namespace hf::graph::infer {
namespace {

// Scaler and Normalizer make f32 of any numbers.
Status scaled(Context& context) {
    const Shape* shape = context.shape(0);
    return context.set(0, DType::kF32, shape ? std::optional<Shape>(*shape) : std::nullopt);
}

Status kept(Context& context) {
    const Shape* shape = context.shape(0);
    return context.set(0, context.dtype(0), shape ? std::optional<Shape>(*shape) : std::nullopt);
}

}  // namespace

std::vector<Row> ml_rows() {
    return {{"ai.onnx.ml", "Scaler", scaled},
            {"ai.onnx.ml", "Normalizer", scaled},
            {"ai.onnx.ml", "Binarizer", kept},
            {"ai.onnx.ml", "Imputer", kept}};
}

}  // namespace hf::graph::infer
