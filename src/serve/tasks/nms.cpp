#include "serve/tasks/nms.h"

#include <algorithm>

namespace hf::serve::tasks {
namespace {

double area(double left, double top, double right, double bottom) {
    return std::max(0.0, right - left) * std::max(0.0, bottom - top);
}

double area_of(const Box& box) {
    return area(box.left, box.top, box.right, box.bottom);
}

}  // namespace

double overlap(const Box& a, const Box& b) {
    const double both = area(std::max(a.left, b.left), std::max(a.top, b.top),
                             std::min(a.right, b.right), std::min(a.bottom, b.bottom));
    const double one = area_of(a) + area_of(b) - both;
    return one > 0 ? both / one : 0;
}

std::vector<Found> suppress(std::vector<Found> found, double overlap_max, std::size_t count) {
    std::stable_sort(found.begin(), found.end(),
                     [](const Found& a, const Found& b) { return a.score > b.score; });
    std::vector<Found> kept;
    for (const Found& one : found) {
        if (kept.size() == count) break;
        const bool hidden = std::any_of(kept.begin(), kept.end(), [&](const Found& other) {
            return other.index == one.index && overlap(other.box, one.box) > overlap_max;
        });
        if (!hidden) kept.push_back(one);
    }
    return kept;
}

}  // namespace hf::serve::tasks
