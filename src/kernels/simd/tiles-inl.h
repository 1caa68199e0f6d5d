// AMX: products of 16 x 16 sums in tile registers; and the pairs of AVX-512 BF16, neither of which
// Highway 1.0.3 offers. Included once a Highway target; HF_KERNELS_HAVE_TILES says whether the
// target may have them, has_tiles() and has_bf16_pairs() (dispatch.h) whether the processor does.

// clang-format off
#if defined(HF_KERNELS_TILES_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef HF_KERNELS_TILES_INL
#undef HF_KERNELS_TILES_INL
#else
#define HF_KERNELS_TILES_INL
#endif
// clang-format on

#include <cstddef>
#include <cstdint>

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace hf::kernels {
namespace HWY_NAMESPACE {

// Rows on the left, panels of 16 columns on the right, of which four bytes of the depth lie side by
// side: two of bfloat16, four of int8. Everything is counted in bytes.
struct TileOperands {
    const std::uint8_t* left;
    std::size_t step;  // from one row to the next
    const std::uint8_t* right;
    std::size_t panel;                   // from one panel to the next
    std::size_t depth;                   // whole lines of 64
    const std::uint8_t* tail = nullptr;  // the right side of one more line, panels 1,024 apart
};

}  // namespace HWY_NAMESPACE
}  // namespace hf::kernels
HWY_AFTER_NAMESPACE();

#undef HF_KERNELS_HAVE_TILES
#if HWY_TARGET == HWY_AVX3
#define HF_KERNELS_HAVE_TILES 1

HWY_BEFORE_NAMESPACE();
namespace hf::kernels {
namespace HWY_NAMESPACE {

// Lane i gets a[2i] * b[2i] + a[2i + 1] * b[2i + 1] of bfloat16, added to sum[i].
// REQUIRES: has_bf16_pairs().
template <class V, class V32>
HWY_INLINE V multiply_pairs(V32 a, V32 b, V sum) {
    __asm__("vdpbf16ps %2, %1, %0" : "+v"(sum.raw) : "v"(a.raw), "v"(b.raw));
    return sum;
}

// 32 floats to bfloat16, to nearest even. REQUIRES: has_bf16_pairs().
HWY_INLINE void round_32(const float* from, std::uint16_t* to) {
    const hwy::HWY_NAMESPACE::ScalableTag<float> d;
    auto low = hwy::HWY_NAMESPACE::LoadU(d, from);
    const auto high = hwy::HWY_NAMESPACE::LoadU(d, from + 16);
    __asm__("vcvtne2ps2bf16 %0, %1, %0" : "+v"(low.raw) : "v"(high.raw));
    hwy::HWY_NAMESPACE::StoreU(low, d, reinterpret_cast<float*>(to));
}

// All eight tiles with 16 rows of 64 bytes, for as long as this lives. Tile registers belong to the
// thread; compilers use none of their own. REQUIRES: has_tiles(), of this and of all below.
class Tiles {
public:
    HWY_INLINE Tiles() {
        struct alignas(64) Layout {
            std::uint8_t palette = 1, start = 0, reserved[14] = {};
            std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
            std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
        };
        const Layout layout;
        __asm__ volatile("ldtilecfg %0" : : "m"(layout) : "memory");
    }
    HWY_INLINE ~Tiles() { __asm__ volatile("tilerelease" : : : "memory"); }
    Tiles(const Tiles&) = delete;
    Tiles& operator=(const Tiles&) = delete;
};

// What tiles hold: bfloat16 on both sides, or unsigned bytes on the left and signed on the right.
enum class TileKind { kBf16, kBytes };

#define HF_KERNELS_MULTIPLY(right, left, sums)                        \
    if constexpr (kKind == TileKind::kBf16) {                         \
        __asm__ volatile("tdpbf16ps " right ", " left ", " sums : :); \
    } else {                                                          \
        __asm__ volatile("tdpbusd " right ", " left ", " sums : :);   \
    }

// One line of the depth, added to the sums in the first four tiles.
template <TileKind kKind, std::size_t kRows, std::size_t kColumns>
HWY_INLINE void multiply_line(const std::uint8_t* left, std::size_t step, const std::uint8_t* right,
                              std::size_t panel) {
    const std::size_t line = 64;
    __asm__ volatile(
        "tileloadd (%0,%1,1), %%tmm4\n\t"
        "tileloadd (%2,%3,1), %%tmm6"
        :
        : "r"(left), "r"(step), "r"(right), "r"(line));
    HF_KERNELS_MULTIPLY("%%tmm6", "%%tmm4", "%%tmm0")
    if constexpr (kColumns > 1) {
        __asm__ volatile("tileloadd (%0,%1,1), %%tmm7" : : "r"(right + panel), "r"(line));
        HF_KERNELS_MULTIPLY("%%tmm7", "%%tmm4", "%%tmm1")
    }
    if constexpr (kRows > 1) {
        __asm__ volatile("tileloadd (%0,%1,1), %%tmm5" : : "r"(left + 16 * step), "r"(step));
        HF_KERNELS_MULTIPLY("%%tmm6", "%%tmm5", "%%tmm2")
    }
    if constexpr (kRows > 1 && kColumns > 1) HF_KERNELS_MULTIPLY("%%tmm7", "%%tmm5", "%%tmm3")
}

#undef HF_KERNELS_MULTIPLY

// Sums of kRows x kColumns tiles, each 1 or 2: fp32 or 32-bit integers, to `sums`, 32 a row.
template <TileKind kKind, std::size_t kRows, std::size_t kColumns>
HWY_INLINE void multiply_tiles(const TileOperands& operands, void* sums) {
    __asm__ volatile("tilezero %%tmm0\n\ttilezero %%tmm1\n\ttilezero %%tmm2\n\ttilezero %%tmm3"
                     :
                     :
                     : "memory");
    const std::uint8_t *left = operands.left, *right = operands.right;
    const std::uint8_t* const end = left + operands.depth;
    for (; left != end; left += 64, right += 1024) {
        multiply_line<kKind, kRows, kColumns>(left, operands.step, right, operands.panel);
    }
    if (operands.tail) {
        multiply_line<kKind, kRows, kColumns>(left, operands.step, operands.tail, 1024);
    }
    auto* const to = static_cast<std::uint32_t*>(sums);
    const std::size_t row = 128;
    __asm__ volatile("tilestored %%tmm0, (%0,%1,1)" : : "r"(to), "r"(row) : "memory");
    if constexpr (kColumns > 1) {
        __asm__ volatile("tilestored %%tmm1, (%0,%1,1)" : : "r"(to + 16), "r"(row) : "memory");
    }
    if constexpr (kRows > 1) {
        __asm__ volatile("tilestored %%tmm2, (%0,%1,1)" : : "r"(to + 512), "r"(row) : "memory");
    }
    if constexpr (kRows > 1 && kColumns > 1) {
        __asm__ volatile("tilestored %%tmm3, (%0,%1,1)" : : "r"(to + 528), "r"(row) : "memory");
    }
}

// The same for up to 32 rows and 32 columns, with no more tiles than they need.
template <TileKind kKind>
HWY_INLINE void multiply_tiles(const TileOperands& operands, std::size_t rows, std::size_t columns,
                               void* sums) {
    if (rows > 16) {
        columns > 16 ? multiply_tiles<kKind, 2, 2>(operands, sums)
                     : multiply_tiles<kKind, 2, 1>(operands, sums);
    } else {
        columns > 16 ? multiply_tiles<kKind, 1, 2>(operands, sums)
                     : multiply_tiles<kKind, 1, 1>(operands, sums);
    }
}

}  // namespace HWY_NAMESPACE
}  // namespace hf::kernels
HWY_AFTER_NAMESPACE();

#else
#define HF_KERNELS_HAVE_TILES 0
#endif

#endif
