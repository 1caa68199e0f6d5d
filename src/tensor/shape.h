// Shape: the extents of a tensor, row-major, outermost first. A scalar has rank 0 and one element.
// Inside graphs an extent may be unknown (-1); shapes of actual tensors are always known.

#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "base/status.h"

namespace hf {

class Shape final {
public:
    static constexpr std::int64_t kUnknown = -1;
    static constexpr std::size_t kMaxRank = 16;
    static constexpr std::int64_t kMaxElements = std::int64_t{1} << 40;

    Shape() = default;
    Shape(std::initializer_list<std::int64_t> extents) : extents_(extents) {}
    explicit Shape(std::vector<std::int64_t> extents) : extents_(std::move(extents)) {}

    std::size_t rank() const { return extents_.size(); }
    std::int64_t operator[](std::size_t axis) const { return extents_[axis]; }
    std::int64_t& operator[](std::size_t axis) { return extents_[axis]; }
    const std::vector<std::int64_t>& extents() const { return extents_; }
    auto begin() const { return extents_.begin(); }
    auto end() const { return extents_.end(); }

    bool is_known() const;  // no extent is kUnknown

    // The product of the extents. REQUIRES: is_known(), and check() passed for foreign shapes.
    std::int64_t elements() const;

    // Rank within kMaxRank, extents not negative, and the product within kMaxElements without
    // overflow.
    Status check() const;

    // Elements to step to move one along each axis.
    std::vector<std::int64_t> strides() const;

    // "1x3x224x224", "?x10", "scalar".
    std::string to_string() const;

    friend bool operator==(const Shape&, const Shape&) = default;

private:
    std::vector<std::int64_t> extents_;
};

// Multidirectional broadcasting (ONNX, NumPy). INVALID_ARGUMENT names both shapes when they do not
// fit. Unknown extents stay unknown unless the other side decides them.
Result<Shape> broadcast(const Shape& a, const Shape& b);

// Maps a possibly negative axis into [0, rank). INVALID_ARGUMENT when outside [-rank, rank).
Result<std::size_t> normalize_axis(std::int64_t axis, std::size_t rank);

}  // namespace hf
