// Attention as a step: "simd.attention_f32". A head at a time its keys and values are packed, then
// blocks of queries go through both products while their scores are in the cache.

#include <algorithm>
#include <limits>

#include "kernels/simd/gemm_f32.h"
#include "kernels/simd/rows_f32.h"
#include "runtime/cpu/steps/attention.h"
#include "runtime/cpu/steps/common.h"

namespace hf::runtime::cpu {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr std::int64_t kMaxExtent = std::int64_t{1} << 20;

Result<AttentionExtents> read_attention(const OperationReader& reader) {
    const auto extent = [&](std::size_t i) { return reader.integer(i, 1, kMaxExtent); };
    AttentionExtents e;
    std::size_t next = 0;
    for (std::size_t* each : {&e.batch, &e.queries, &e.keys, &e.heads, &e.size}) {
        *each = HF_TRY(extent(next++));
    }
    const double most = static_cast<double>(Shape::kMaxElements);
    const auto size = [](std::size_t n) { return static_cast<double>(n); };
    const double longest = size(std::max(e.queries, e.keys)) * size(e.batch);
    if (longest * size(e.heads) * size(e.size) > most ||
        size(e.keys + kernels::kPanel) * size(e.size + kernels::kPanel + kQueryBlock) > most) {
        return resource_exhausted("attention of {} heads of {} over {} x {}", e.heads, e.size,
                                  e.queries, e.keys);
    }
    return e;
}

// Elements between the mask's rows, heads and batches; 0 where one serves for all.
struct MaskSteps {
    std::size_t batch = 0, head = 0, row = 0;
};

// Integers 5 to 7: whether the mask has its own matrix for each batch, for each head, and its own
// row for each query.
Result<MaskSteps> read_mask(const OperationReader& reader, const AttentionExtents& e) {
    MaskSteps steps;
    if (!reader.has_input(3)) return steps;
    const std::size_t batches = HF_TRY(reader.integer(5, 0, 1)) ? e.batch : 1;
    const std::size_t heads = HF_TRY(reader.integer(6, 0, 1)) ? e.heads : 1;
    const std::size_t rows = HF_TRY(reader.integer(7, 0, 1)) ? e.queries : 1;
    if (static_cast<double>(batches * heads) * static_cast<double>(rows * e.keys) >
        static_cast<double>(Shape::kMaxElements)) {
        return resource_exhausted("a mask of {} x {}", rows, e.keys);
    }
    HF_TRY(reader.expect_elements(3, DType::kF32, batches * heads * rows * e.keys));
    if (rows > 1) steps.row = e.keys;
    if (heads > 1) steps.head = rows * e.keys;
    if (batches > 1) steps.batch = heads * rows * e.keys;
    return steps;
}

// One head of one batch: where its first query, key, value and result lie, and its mask.
struct Head {
    const float *query, *key, *value, *mask;
    float* out;
};

class AttentionStep final : public Step {
public:
    AttentionStep(const OperationReader& reader, const AttentionExtents& extents, MaskSteps mask)
        : e_(extents),
          steps_(mask),
          scale_(reader.real(0)),
          query_(reader.in(0)),
          key_(reader.in(1)),
          value_(reader.in(2)),
          mask_(reader.in(3)),
          out_(reader.out(0)),
          scratch_(reader.scratch()) {}

    Status run(const Memory& m) const override { return run_pieces(m, {0, e_.batch * e_.heads}); }

    Cut cut() const override {
        const std::size_t heads = e_.batch * e_.heads;
        return {heads, 2 * static_cast<double>(heads * e_.size) *
                           static_cast<double>(e_.queries * e_.keys)};
    }

    Status run_pieces(const Memory& m, Pieces heads) const override {
        const std::size_t row = e_.heads * e_.size;
        for (std::size_t i = heads.first; i < heads.first + heads.count; ++i) {
            const std::size_t b = i / e_.heads, h = i % e_.heads;
            const std::size_t queries = b * e_.queries * row + h * e_.size;
            const std::size_t keys = b * e_.keys * row + h * e_.size;
            const float* mask = mask_.in<float>(m);
            if (mask) mask += b * steps_.batch + h * steps_.head;
            run_head({query_.in<float>(m) + queries, key_.in<float>(m) + keys,
                      value_.in<float>(m) + keys, mask, out_.out<float>(m) + queries},
                     scratch_.out<float>(m));
        }
        return {};
    }

private:
    void run_head(const Head& head, float* scratch) const {
        const std::size_t row = e_.heads * e_.size;
        float* keys = scratch;
        float* values = keys + kernels::packed_size_f32(e_.keys, e_.size);
        float* scores = values + kernels::packed_size_f32(e_.size, e_.keys);
        kernels::pack_f32({head.key, e_.keys, row, 1}, e_.size, keys);
        kernels::pack_f32({head.value, e_.size, 1, row}, e_.keys, values);
        for (std::size_t first = 0; first < e_.queries; first += kQueryBlock) {
            const std::size_t count = std::min(kQueryBlock, e_.queries - first);
            kernels::GemmF32 product{kernels::Windows::matrix(count, e_.size), e_.keys, e_.keys,
                                     -kInfinity, kInfinity};
            product.windows.step_x = row;
            kernels::gemm_f32(product, {head.query + first * row, keys, nullptr, nullptr, scores});
            const float* mask = head.mask ? head.mask + first * steps_.row : nullptr;
            kernels::softmax_f32({count, e_.keys, scale_, mask, steps_.row}, scores, scores);
            product = {kernels::Windows::matrix(count, e_.keys), e_.size, row, -kInfinity,
                       kInfinity};
            kernels::gemm_f32(product, {scores, values, nullptr, nullptr, head.out + first * row});
        }
    }

    AttentionExtents e_;
    MaskSteps steps_;
    float scale_;
    Slot query_, key_, value_, mask_, out_;
    ScratchSlot scratch_;
};

}  // namespace

std::size_t attention_scratch(const AttentionExtents& e) {
    return kernels::packed_size_f32(e.keys, e.size) + kernels::packed_size_f32(e.size, e.keys) +
           kQueryBlock * e.keys;
}

// Integers: batch, queries, keys, heads, size of a head, and the mask's three. Real: the scale.
Result<StepPtr> make_attention_f32(const Operation& operation) {
    const OperationReader reader(operation);
    HF_TRY(reader.expect({4, 1, 8, 1}));
    const AttentionExtents e = HF_TRY(read_attention(reader));
    const std::size_t row = e.heads * e.size;
    HF_TRY(reader.expect_elements(0, DType::kF32, e.batch * e.queries * row));
    HF_TRY(reader.expect_elements(1, DType::kF32, e.batch * e.keys * row));
    HF_TRY(reader.expect_elements(2, DType::kF32, e.batch * e.keys * row));
    const MaskSteps mask = HF_TRY(read_mask(reader, e));
    HF_TRY(reader.expect_output_elements(0, DType::kF32, e.batch * e.queries * row));
    HF_TRY(reader.expect_scratch(attention_scratch(e) * sizeof(float)));
    return std::make_unique<const AttentionStep>(reader, e, mask);
}

}  // namespace hf::runtime::cpu
