// Non-maximum suppression: of boxes of one class that lie on each other, the one with the best
// score stays. Pure.

#pragma once

#include <cstddef>
#include <vector>

namespace hf::serve::tasks {

// Corners, x growing to the right and y downwards. One that is turned inside out has no area.
struct Box {
    double left = 0;
    double top = 0;
    double right = 0;
    double bottom = 0;
};

// The area that both have, as a share of the area that one of them has. 0 where none has any.
double overlap(const Box& a, const Box& b);

struct Found {
    Box box;
    float score = 0;
    std::size_t index = 0;  // of the class
};

// The best first, the first of equals first; at most `count`. A box goes when it overlaps one of
// its class that stays by more than `overlap_max`.
std::vector<Found> suppress(std::vector<Found> found, double overlap_max, std::size_t count);

}  // namespace hf::serve::tasks
