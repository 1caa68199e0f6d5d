// Windows: where the rows of the left matrix of a product lie. A convolution over an image with
// its borders already there, a convolution in groups, a 1x1 convolution and a plain matrix are all
// the same walk: row (y, x) starts at y * step_y + x * step_x, and is made of segments of `run`
// neighbouring elements. Nothing is gathered into a second matrix first.
//
// A value type. All numbers count elements.

#pragma once

#include <cstddef>

namespace hf::kernels {

struct Windows {
    std::size_t rows_y = 1, rows_x = 1;
    std::size_t step_y = 0, step_x = 0;
    std::size_t segments_y = 1, segments_x = 1;
    std::size_t segment_step_y = 0, segment_step_x = 0;
    std::size_t run = 0;

    std::size_t rows() const { return rows_y * rows_x; }
    std::size_t segments() const { return segments_y * segments_x; }
    std::size_t depth() const { return segments() * run; }

    // One past the last element that any row touches; 0 without rows or depth.
    std::size_t extent() const {
        if (rows() == 0 || depth() == 0) return 0;
        return (rows_y - 1) * step_y + (rows_x - 1) * step_x + (segments_y - 1) * segment_step_y +
               (segments_x - 1) * segment_step_x + run;
    }

    // A row-major matrix.
    static Windows matrix(std::size_t rows, std::size_t depth) {
        Windows windows;
        windows.rows_x = rows;
        windows.step_x = depth;
        windows.run = depth;
        return windows;
    }
};

// Weights to pack: element (column, depth) lies at column * column_step + depth * depth_step.
template <typename T>
struct Weights {
    const T* data = nullptr;
    std::size_t columns = 0;
    std::size_t column_step = 0;
    std::size_t depth_step = 1;
};

}  // namespace hf::kernels
