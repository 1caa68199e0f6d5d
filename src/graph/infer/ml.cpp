// The operators of ai.onnx.ml whose outputs have one tensor type.

#include <algorithm>

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

// A vector is one sample of features.
std::int64_t samples_of(const Context& context) {
    const Shape* shape = context.shape(0);
    if (!shape) return kUnknown;
    return shape->rank() < 2 ? 1 : (*shape)[0];
}

// A label and the scores of each sample.
Status classifier(Context& context) {
    const std::int64_t samples = samples_of(context);
    const bool words = !context.node.strings_or("classlabels_strings", {}).empty();
    HF_TRY(context.set(0, words ? DType::kString : DType::kI64, Shape{samples}));
    return context.set(1, DType::kF32, Shape{samples, kUnknown});
}

Status samples_by_features(Context& context) {
    return context.set(0, DType::kF32, Shape{samples_of(context), kUnknown});
}

Status one_hot_encoder(Context& context) {
    const Shape* from = context.shape(0);
    if (!from) return context.set(0, DType::kF32, std::nullopt);
    const std::size_t count = std::max(context.node.ints_or("cats_int64s", {}).size(),
                                       context.node.strings_or("cats_strings", {}).size());
    std::vector<std::int64_t> extents = from->extents();
    extents.push_back(count == 0 ? kUnknown : static_cast<std::int64_t>(count));
    return context.set(0, DType::kF32, Shape(std::move(extents)));
}

// LabelEncoder and CategoryMapper: the type is that of the values, which may stand in many places.
Status translated(Context& context) {
    const Shape* shape = context.shape(0);
    return context.set(0, std::nullopt, shape ? std::optional<Shape>(*shape) : std::nullopt);
}

}  // namespace

std::vector<Row> ml_rows() {
    constexpr std::string_view kDomain = "ai.onnx.ml";
    return {{kDomain, "Scaler", scaled},
            {kDomain, "Normalizer", scaled},
            {kDomain, "Binarizer", kept},
            {kDomain, "Imputer", kept},
            {kDomain, "TreeEnsembleClassifier", classifier},
            {kDomain, "LinearClassifier", classifier},
            {kDomain, "SVMClassifier", classifier},
            {kDomain, "TreeEnsembleRegressor", samples_by_features},
            {kDomain, "LinearRegressor", samples_by_features},
            {kDomain, "SVMRegressor", samples_by_features},
            {kDomain, "FeatureVectorizer", samples_by_features},
            {kDomain, "OneHotEncoder", one_hot_encoder},
            {kDomain, "LabelEncoder", translated},
            {kDomain, "CategoryMapper", translated}};
}

}  // namespace hf::graph::infer
