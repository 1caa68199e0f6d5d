// Operators over strings.

#include "graph/infer/rows.h"

namespace hf::graph::infer {
namespace {

// How many strings are left is known when it runs.
Status normalizer(Context& context) {
    const Shape* shape = context.shape(0);
    if (!shape) return context.set(0, DType::kString, std::nullopt);
    return context.set(0, DType::kString,
                       shape->rank() == 2 ? Shape{1, kUnknown} : Shape{kUnknown});
}

Status concat(Context& context) {
    const Shape* a = context.shape(0);
    const Shape* b = context.shape(1);
    if (!a || !b) return context.set(0, DType::kString, std::nullopt);
    return context.set(0, DType::kString, HF_TRY(broadcast(*a, *b)));
}

Status split(Context& context) {
    const Shape* shape = context.shape(0);
    if (!shape) {
        HF_TRY(context.set(0, DType::kString, std::nullopt));
        return context.set(1, DType::kI64, std::nullopt);
    }
    std::vector<std::int64_t> extents = shape->extents();
    extents.push_back(kUnknown);
    HF_TRY(context.set(0, DType::kString, Shape(std::move(extents))));
    return context.set(1, DType::kI64, *shape);
}

Status tf_idf(Context& context) {
    std::int64_t width = 0;
    for (std::int64_t index : context.node.ints_or("ngram_indexes", {})) {
        width = std::max(width, index < INT64_MAX ? index + 1 : index);
    }
    const Shape* shape = context.shape(0);
    if (!shape) return context.set(0, DType::kF32, std::nullopt);
    return context.set(0, DType::kF32,
                       shape->rank() == 2 ? Shape{(*shape)[0], width} : Shape{width});
}

}  // namespace

std::vector<Row> text_rows() {
    return {{"", "StringNormalizer", normalizer},
            {"", "StringConcat", concat},
            {"", "StringSplit", split},
            {"", "TfIdfVectorizer", tf_idf}};
}

}  // namespace hf::graph::infer
