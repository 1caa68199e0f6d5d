#include "tensor/shape.h"

#include <algorithm>

namespace hf {

bool Shape::is_known() const {
    return std::none_of(begin(), end(), [](std::int64_t extent) { return extent < 0; });
}

std::int64_t Shape::elements() const {
    std::int64_t product = 1;
    for (std::int64_t extent : extents_) {
        HF_CHECK(extent >= 0, "elements() of {}", to_string());
        product *= extent;
    }
    return product;
}

Status Shape::check() const {
    if (rank() > kMaxRank) {
        return invalid_argument("shape has rank {}, more than {}", rank(), kMaxRank);
    }
    std::int64_t product = 1;
    for (std::int64_t extent : extents_) {
        if (extent < 0) return invalid_argument("shape {} has a negative extent", to_string());
        if (extent == 0) continue;  // strides multiply the others all the same
        if (product > kMaxElements / extent) {
            return resource_exhausted("shape {} has more than {} elements", to_string(),
                                      kMaxElements);
        }
        product *= extent;
    }
    return {};
}

std::vector<std::int64_t> Shape::strides() const {
    std::vector<std::int64_t> strides(rank(), 1);
    for (std::size_t axis = rank(); axis-- > 1;) {
        strides[axis - 1] = strides[axis] * extents_[axis];
    }
    return strides;
}

std::string Shape::to_string() const {
    if (extents_.empty()) return "scalar";
    std::string text;
    for (std::int64_t extent : extents_) {
        if (!text.empty()) text += 'x';
        text += extent == kUnknown ? "?" : fmt::format("{}", extent);
    }
    return text;
}

Result<Shape> broadcast(const Shape& a, const Shape& b) {
    const std::size_t rank = std::max(a.rank(), b.rank());
    Shape out(std::vector<std::int64_t>(rank, 1));
    for (std::size_t i = 0; i < rank; ++i) {
        const std::int64_t x = i < a.rank() ? a[a.rank() - 1 - i] : 1;
        const std::int64_t y = i < b.rank() ? b[b.rank() - 1 - i] : 1;
        std::int64_t& extent = out[rank - 1 - i];
        if (x == y || y == 1) {
            extent = x;
        } else if (x == 1 || x == Shape::kUnknown) {
            extent = y;
        } else if (y == Shape::kUnknown) {
            extent = x;
        } else {
            return invalid_argument("shapes {} and {} cannot be broadcast together", a.to_string(),
                                    b.to_string());
        }
    }
    return out;
}

Result<std::size_t> normalize_axis(std::int64_t axis, std::size_t rank) {
    const auto signed_rank = static_cast<std::int64_t>(rank);
    if (axis < -signed_rank || axis >= signed_rank) {
        return invalid_argument("axis {} is outside [-{}, {})", axis, rank, rank);
    }
    return static_cast<std::size_t>(axis < 0 ? axis + signed_rank : axis);
}

}  // namespace hf
