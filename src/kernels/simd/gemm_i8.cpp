#include "kernels/simd/gemm_i8.h"

#include <algorithm>
#include <cstring>

#include "kernels/simd/dispatch.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/gemm_i8.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>

#include "kernels/simd/dot-inl.h"
#include "kernels/simd/requantize-inl.h"
#include "kernels/simd/row_blocks.h"
#include "kernels/simd/tiles-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hf::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D32 = hn::CappedTag<std::int32_t, kPanel>;
using D16 = hn::Repartition<std::int16_t, D32>;
using D8 = hn::Repartition<std::int8_t, D32>;
using V32 = hn::VFromD<D32>;
constexpr std::size_t kLanes = hn::MaxLanes(D32());
constexpr std::size_t kVectors = kPanel / kLanes;  // of a panel

// The tile whose sums fill the registers, as in gemm_f32.cpp.
constexpr bool kManyRegisters = HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64;
constexpr std::size_t kTileVectors = kVectors > 2 ? kVectors : 2;
constexpr std::size_t kTileSums = kManyRegisters ? 24 : 12;
constexpr std::size_t kTileRows = kTileVectors < kTileSums ? kTileSums / kTileVectors : 1;
constexpr std::size_t kNarrowRows = kManyRegisters ? kTileRows : 2 * kTileRows;

template <class Rows>
struct Tile {
    Rows rows;  // where each left row starts
    const std::int8_t* packed;
    std::int8_t* out;
    std::size_t column;   // the first
    std::size_t columns;  // that are left, from the first on
};

// One group of weights in neighbouring panels.
struct Panels {
    const std::int8_t* first;
    std::size_t step;  // from a panel to the next

    HWY_INLINE const std::int8_t* vector(std::size_t v) const {
        return first + v / kVectors * step + v % kVectors * kLanes * kGroup;
    }
};

// A group of kGroup weights of each column, as 16-bit numbers: its first two, then its last two.
// 16-bit differences on the left.
struct Pairs {
    using Left = std::int16_t;

    static HWY_INLINE V32 start(const GemmI8&, const GemmI8Data& data, std::size_t column) {
        return hn::LoadU(D32(), data.bias + column);
    }

    template <std::size_t kRows, std::size_t kWidth, class Cursor>
    static HWY_INLINE void add(const Cursor& rows, const Panels& panels,
                               V32 (&sums)[kRows][kWidth]) {
        const D16 d16;
        HWY_UNROLL(2) for (std::size_t half = 0; half < 2; ++half) {
            hn::VFromD<D16> right[kWidth];
            HWY_UNROLL(8) for (std::size_t v = 0; v < kWidth; ++v) {
                auto pairs = hn::BitCast(d16, hn::LoadU(D8(), panels.vector(v)));
                if (half == 0) pairs = hn::ShiftLeft<8>(pairs);
                right[v] = hn::ShiftRight<8>(pairs);
            }
            HWY_UNROLL(32) for (std::size_t r = 0; r < kRows; ++r) {
                std::int32_t pair;
                std::memcpy(&pair, rows.at(r) + 2 * half, sizeof pair);
                const auto left = hn::BitCast(d16, hn::Set(D32(), pair));
                HWY_UNROLL(8) for (std::size_t v = 0; v < kWidth; ++v) {
                    sums[r][v] = multiply_pairs(d16, left, right[v], sums[r][v]);
                    keep_in_register(sums[r][v]);
                }
            }
        }
    }

private:
    // The compiler would add both halves' products first, for which there are no registers.
    static HWY_INLINE void keep_in_register(V32& sum) {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_EMU128
        __asm__("" : "+v"(sum.raw));
#else
        static_cast<void>(sum);
#endif
    }
};

#if HF_KERNELS_HAVE_DOT
// The group as bytes. Unsigned bytes on the left, which are the values plus 128: what that and the
// zero point add to a sum is known from the sum of a column's weights.
struct Quads {
    using Left = std::uint8_t;

    static HWY_INLINE V32 start(const GemmI8& gemm, const GemmI8Data& data, std::size_t column) {
        const D32 d;
        const V32 shift = hn::Set(d, gemm.in_zero + 128);
        return hn::Sub(hn::LoadU(d, data.bias + column),
                       hn::Mul(shift, hn::LoadU(d, data.weight_sums + column)));
    }

    template <std::size_t kRows, std::size_t kWidth, class Cursor>
    static HWY_INLINE void add(const Cursor& rows, const Panels& panels,
                               V32 (&sums)[kRows][kWidth]) {
        V32 right[kWidth];
        HWY_UNROLL(8) for (std::size_t v = 0; v < kWidth; ++v) {
            right[v] = in_order(hn::LoadU(D8(), panels.vector(v)));
        }
        HWY_UNROLL(32) for (std::size_t r = 0; r < kRows; ++r) {
            std::int32_t quad;
            std::memcpy(&quad, rows.at(r), sizeof quad);
            const V32 left = hn::Set(D32(), quad);
            HWY_UNROLL(8) for (std::size_t v = 0; v < kWidth; ++v) {
                sums[r][v] = multiply_quads(left, right[v], sums[r][v]);
            }
        }
    }

private:
    // Undoes the order of kOrder below.
    static HWY_INLINE V32 in_order(hn::VFromD<D8> group) {
        alignas(16) static constexpr std::int8_t kSwapped[16] = {0, 2,  1, 3,  4,  6,  5,  7,
                                                                 8, 10, 9, 11, 12, 14, 13, 15};
        return hn::BitCast(D32(), hn::TableLookupBytes(group, hn::LoadDup128(D8(), kSwapped)));
    }
};
#endif

template <class Rescaling, class Rows, std::size_t kRows, std::size_t kWidth>
void store(const GemmI8& gemm, const Tile<Rows>& tile, V32 (&sums)[kRows][kWidth]) {
    const D32 d;
    const hn::Rebind<std::int8_t, D32> narrow;
    const Requantize& q = gemm.requantize;
    const V32 zero = hn::Set(d, q.zero_point), low = hn::Set(d, q.min), high = hn::Set(d, q.max);
    if constexpr (kWidth == 2 && 2 * kLanes == kPanel) {
        if (tile.columns >= kPanel) {
            const Rescaling lower(q, tile.column), upper(q, tile.column + kLanes);
            HWY_UNROLL(16) for (std::size_t r = 0; r < kRows; ++r) {
                store_16(q, lower(sums[r][0]), upper(sums[r][1]), tile.out + r * gemm.out_step);
            }
            return;
        }
    }
    HWY_UNROLL(8) for (std::size_t v = 0; v < kWidth; ++v) {
        if (v * kLanes >= tile.columns) break;
        const std::size_t left = tile.columns - v * kLanes;
        const Rescaling rescaling(q, tile.column + v * kLanes);
        HWY_UNROLL(32) for (std::size_t r = 0; r < kRows; ++r) {
            const V32 moved = hn::Add(rescaling(sums[r][v]), zero);
            const V32 value = hn::Min(hn::Max(moved, low), high);
            std::int8_t* out = tile.out + r * gemm.out_step + v * kLanes;
            if (left >= kLanes) {
                hn::StoreU(hn::DemoteTo(narrow, value), narrow, out);
            } else {
                std::int8_t lanes[kLanes];
                hn::StoreU(hn::DemoteTo(narrow, value), narrow, lanes);
                std::memcpy(out, lanes, left);
            }
        }
    }
}

template <std::size_t kRows, std::size_t kWidth, class Rows>
void store_rescaled(const GemmI8& gemm, const Tile<Rows>& tile, V32 (&sums)[kRows][kWidth]) {
    if (gemm.requantize.factors) {
        store<RescaleReal<D32>>(gemm, tile, sums);
    } else if (gemm.requantize.rounds_once) {
        store<RescaleOnce<D32>>(gemm, tile, sums);
    } else {
        store<RescaleTwice<D32>>(gemm, tile, sums);
    }
}

template <class Arithmetic, std::size_t kRows, std::size_t kWidth, class Rows>
void compute(const GemmI8& gemm, const GemmI8Data& data, const Tile<Rows>& tile) {
    const Windows& w = gemm.windows;
    V32 sums[kRows][kWidth];
    HWY_UNROLL(8) for (std::size_t v = 0; v < kWidth; ++v) {
        const V32 start = Arithmetic::start(gemm, data, tile.column + v * kLanes);
        HWY_UNROLL(32) for (std::size_t r = 0; r < kRows; ++r) sums[r][v] = start;
    }
    Panels panels{tile.packed, packed_size_i8(kPanel, w.segments(), w.run)};
    for (std::size_t sy = 0; sy < w.segments_y; ++sy) {
        for (std::size_t sx = 0; sx < w.segments_x; ++sx) {
            auto rows =
                tile.rows.template cursor<kRows>(sy * w.segment_step_y + sx * w.segment_step_x);
            for (std::size_t k = 0; k < w.run; k += kGroup, rows.move(kGroup)) {
                Arithmetic::add(rows, panels, sums);
                panels.first += kPanel * kGroup;
            }
        }
    }
    store_rescaled(gemm, tile, sums);
}

// The rows of one block against all panels.
template <class Arithmetic, class Block>
class ProductI8 {
public:
    ProductI8(const GemmI8& gemm, const GemmI8Data& data, const Block& rows)
        : gemm_(gemm), data_(data), rows_(rows) {}

    void run() const {
        if (rows_.count < kTileRows) return few_rows();
        constexpr std::size_t kColumns = kTileVectors * kLanes;
        for (std::size_t column = 0; column < gemm_.columns; column += kColumns) {
            const std::size_t left = gemm_.columns - column;
            if (left <= kColumns / 2 && rows_.count >= kNarrowRows) {
                tiles<kNarrowRows, kTileVectors / 2>(column);
            } else {
                tiles<kTileRows, kTileVectors>(column);
            }
        }
    }

private:
    template <std::size_t kRows, std::size_t kWidth>
    void tile(std::size_t row, std::size_t column) const {
        const Windows& w = gemm_.windows;
        const std::size_t panel = packed_size_i8(kPanel, w.segments(), w.run);
        const Tile<decltype(rows_.from(row))> tile{
            rows_.from(row), data_.packed + column / kPanel * panel,
            data_.out + (rows_.first + row) * gemm_.out_step + column, column,
            gemm_.columns - column};
        compute<Arithmetic, kRows, kWidth>(gemm_, data_, tile);
    }

    template <std::size_t kRows, std::size_t kWidth>
    void tiles(std::size_t column) const {
        for_tiles<kRows>(rows_.count, [&](auto height, std::size_t row) {
            tile<decltype(height)::value, kWidth>(row, column);
        });
    }

    // Fewer rows than a tile has: several panels at once hide the latency of the additions.
    void few_rows() const {
        constexpr std::size_t kWide = kManyRegisters ? 4 * kVectors : kVectors;
        constexpr std::size_t kWider = kManyRegisters ? 4 * kVectors : 2 * kVectors;
        std::size_t row = 0;
        if constexpr (kSmallCode) {
            for (; row < rows_.count; ++row) columns<1, kVectors>(row, 0);
            return;
        }
        for (; row + 4 <= rows_.count; row += 4) columns<4, kWide>(row, 0);
        for (; row + 2 <= rows_.count; row += 2) columns<2, kWider>(row, 0);
        for (; row < rows_.count; ++row) columns<1, 4 * kVectors>(row, 0);
    }

    template <std::size_t kRows, std::size_t kWidth>
    void columns(std::size_t row, std::size_t column) const {
        const std::size_t end = (gemm_.columns + kPanel - 1) / kPanel * kPanel;
        for (; column + kWidth * kLanes <= end; column += kWidth * kLanes) {
            tile<kRows, kWidth>(row, column);
        }
        if constexpr (kWidth > kVectors) {
            if (column < end) columns<kRows, kWidth / 2>(row, column);
        }
    }

    const GemmI8& gemm_;
    const GemmI8Data& data_;
    const Block& rows_;
};

template <class Arithmetic>
void run(const GemmI8& gemm, const GemmI8Data& data) {
    const auto* in = static_cast<const typename Arithmetic::Left*>(data.in);
    with_row_blocks(gemm.windows, in, kTileRows, [&](const auto& block) {
        ProductI8<Arithmetic, std::remove_cvref_t<decltype(block)>>(gemm, data, block).run();
    });
}

#if HF_KERNELS_HAVE_TILES && !defined(HF_KERNELS_SMALL)
// By tiles of 32 x 32 sums. Rows of the left matrix are copied one after another, in the order of
// the weights, a block at a time; the rest of their last line is zeros, and so what weights it
// meets does not matter.
class TilesI8 {
public:
    TilesI8(const GemmI8& gemm, const GemmI8Data& data) : gemm_(gemm), data_(data) {}

    // Copying costs more than it saves for few columns and short rows.
    static bool pays(const GemmI8& gemm) {
        return gemm.columns > kPanel && groups_of(gemm) >= kLineGroups &&
               gemm.windows.rows() >= 8 && kSumRows * step_of(groups_of(gemm)) <= kBlockBytes;
    }

    void run() {
        const Tiles tiles;
        std::memset(sums_, 0, sizeof sums_);  // columns that are not there are read all the same
        const std::size_t rows = gemm_.windows.rows();
        const std::size_t most =
            std::min<std::size_t>(128, kBlockBytes / step_ / kSumRows * kSumRows);
        for (std::size_t first = 0; first < rows; first += most) {
            const std::size_t count = std::min(most, rows - first);
            copy_rows(first, count);
            for (std::size_t c = 0; c < gemm_.columns; c += kSumColumns) columns(first, count, c);
        }
    }

private:
    static constexpr std::size_t kLine = 64, kLineGroups = kLine / kGroup;
    static constexpr std::size_t kSumRows = 32, kSumColumns = std::size_t{2} * kPanel;
    static constexpr std::size_t kBlockBytes = 160 << 10;
    static constexpr std::size_t kPanelLine = kPanel * kLine;

    static std::size_t groups_of(const GemmI8& gemm) {
        return gemm.windows.segments() * ((gemm.windows.run + kGroup - 1) / kGroup);
    }
    static std::size_t lines_of(std::size_t groups) {
        return (groups + kLineGroups - 1) / kLineGroups;
    }
    // An odd number of lines, so that the rows of a tile do not meet in a few sets of the cache.
    static std::size_t step_of(std::size_t groups) { return (lines_of(groups) | 1) * kLine; }

    void copy_rows(std::size_t first, std::size_t count) {
        const Windows& w = gemm_.windows;
        std::size_t y = first / w.rows_x, x = first % w.rows_x;
        std::uint8_t* to = left_;
        for (std::size_t i = 0; i < count; ++i, to += step_) {
            copy_row(static_cast<const std::uint8_t*>(data_.in) + y * w.step_y + x * w.step_x, to);
            if (++x < w.rows_x) continue;
            x = 0;
            ++y;
        }
    }

    HWY_INLINE void copy_row(const std::uint8_t* row, std::uint8_t* to) const {
        const hn::CappedTag<std::uint8_t, kLine> d;
        alignas(16) static constexpr std::uint8_t kOrder[16] = {0, 2,  1, 3,  4,  6,  5,  7,
                                                                8, 10, 9, 11, 12, 14, 13, 15};
        const auto order = hn::LoadDup128(d, kOrder);
        const Windows& w = gemm_.windows;
        const std::size_t run = (w.run + kGroup - 1) / kGroup * kGroup;
        hn::StoreU(hn::Zero(d), d, to + (lines_ - 1) * kLine);
        for (std::size_t sy = 0; sy < w.segments_y; ++sy) {
            for (std::size_t sx = 0; sx < w.segments_x; ++sx, to += run) {
                const std::uint8_t* from = row + sy * w.segment_step_y + sx * w.segment_step_x;
                for (std::size_t k = 0; k < run; k += kLine) {
                    const auto bytes = k + kLine <= run
                                           ? hn::LoadU(d, from + k)
                                           : hn::MaskedLoad(hn::FirstN(d, run - k), d, from + k);
                    hn::StoreU(hn::TableLookupBytes(bytes, order), d, to + k);
                }
            }
        }
    }

    // The weights of the last line where it is not full, with zeros after them.
    const std::uint8_t* tail_of(const std::uint8_t* right, std::size_t panels) {
        const std::size_t groups = groups_ % kLineGroups;
        if (groups == 0) return nullptr;
        for (std::size_t p = 0; p < panels; ++p, right += panel_) {
            std::memset(tail_ + p * kPanelLine, 0, kPanelLine);
            std::memcpy(tail_ + p * kPanelLine, right + groups_ / kLineGroups * kPanelLine,
                        groups * kLine);
        }
        return tail_;
    }

    void columns(std::size_t first, std::size_t count, std::size_t column) {
        const std::size_t width = std::min(kSumColumns, gemm_.columns - column);
        const auto* right =
            reinterpret_cast<const std::uint8_t*>(data_.packed) + column / kPanel * panel_;
        const std::uint8_t* tail = tail_of(right, width > kPanel ? 2 : 1);
        for (std::size_t row = 0; row < count; row += kSumRows) {
            const TileOperands operands{left_ + row * step_,           step_, right, panel_,
                                        groups_ / kLineGroups * kLine, tail};
            const std::size_t height = std::min(kSumRows, count - row);
            multiply_tiles<TileKind::kBytes>(operands, height, width, sums_);
            finish(first + row, height, column);
        }
    }

    void finish(std::size_t row, std::size_t height, std::size_t column) const {
        constexpr std::size_t kRows = 8;
        if (height < kRows) {
            for (std::size_t r = 0; r < height; ++r) finish_rows<1>(row, r, column);
            return;
        }
        std::size_t r = 0;
        for (; r + kRows <= height; r += kRows) finish_rows<kRows>(row, r, column);
        if (r < height) finish_rows<kRows>(row, height - kRows, column);
    }

    template <std::size_t kRows>
    void finish_rows(std::size_t row, std::size_t from, std::size_t column) const {
        const D32 d;
        const std::size_t left = gemm_.columns - column;
        V32 sums[kRows][2 * kVectors];
        for (std::size_t v = 0; v < 2 * kVectors; ++v) {
            const std::size_t at = v * kLanes;
            const V32 start = at < left ? Quads::start(gemm_, data_, column + at) : hn::Zero(d);
            for (std::size_t r = 0; r < kRows; ++r) {
                sums[r][v] = hn::Add(start, hn::Load(d, sums_ + (from + r) * kSumColumns + at));
            }
        }
        const Tile<std::nullptr_t> tile{
            nullptr, nullptr, data_.out + (row + from) * gemm_.out_step + column, column, left};
        store_rescaled(gemm_, tile, sums);
    }

    const GemmI8& gemm_;
    const GemmI8Data& data_;
    const std::size_t groups_ = groups_of(gemm_);
    const std::size_t lines_ = lines_of(groups_);
    const std::size_t step_ = step_of(groups_);
    const std::size_t panel_ = groups_ * kLine;
    alignas(64) std::int32_t sums_[kSumRows * kSumColumns];
    alignas(64) std::uint8_t tail_[2 * kPanelLine];
    alignas(64) std::uint8_t left_[kBlockBytes + kLine];  // and what the last row writes beyond it
};
#endif

void gemm(const GemmI8& gemm, const GemmI8Data& data) {
#if HF_KERNELS_HAVE_TILES && !defined(HF_KERNELS_SMALL)
    if (has_tiles() && TilesI8::pays(gemm)) return TilesI8(gemm, data).run();
#endif
#if HF_KERNELS_HAVE_DOT
    if (has_dot_product()) return run<Quads>(gemm, data);
#endif
    run<Pairs>(gemm, data);
}

}  // namespace HWY_NAMESPACE
}  // namespace hf::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hf::kernels {

HWY_EXPORT(gemm);

std::size_t packed_size_i8(std::size_t columns, std::size_t segments, std::size_t run) {
    const std::size_t panels = (columns + kPanel - 1) / kPanel;
    return panels * segments * ((run + kGroup - 1) / kGroup) * kGroup * kPanel;
}

void pack_i8(const Weights<std::int8_t>& weights, const Windows& windows, std::int8_t* packed) {
    // Even bytes hold a group's first pair, odd ones its second: 16-bit shifts take them apart.
    constexpr std::size_t kOrder[kGroup] = {0, 2, 1, 3};
    for (std::size_t first = 0; first < weights.columns; first += kPanel) {
        for (std::size_t segment = 0; segment < windows.segments(); ++segment) {
            for (std::size_t k = 0; k < windows.run; k += kGroup) {
                for (std::size_t i = 0; i < kGroup * kPanel; ++i) {
                    const std::size_t column = first + i / kGroup, at = k + kOrder[i % kGroup];
                    const bool inside = column < weights.columns && at < windows.run;
                    const std::size_t depth = segment * windows.run + at;
                    *packed++ =
                        inside
                            ? weights
                                  .data[column * weights.column_step + depth * weights.depth_step]
                            : std::int8_t{0};
                }
            }
        }
    }
}

void gemm_i8(const GemmI8& gemm, const GemmI8Data& data) {
    HWY_DYNAMIC_DISPATCH(gemm)(gemm, data);
}

}  // namespace hf::kernels
#endif
