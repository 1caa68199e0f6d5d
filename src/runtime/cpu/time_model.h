// How long an operation will take on a machine of this kind, before it has run: the slower of its
// arithmetic and its memory traffic (the roofline model of Williams, Waterman and Patterson, 2009),
// with rough rates of each instruction set (time_model.cpp says which were fitted). For reports,
// where people look for what is slow: half or twice the time on another machine is to be expected.
// `holdfast profile` measures.
//
// A pure function of its arguments and the instruction set. Thread-safe.

#pragma once

#include <cstdint>
#include <string_view>

namespace hf::runtime::cpu {

struct OperationSize {
    std::uint64_t macs = 0;
    std::uint64_t bytes = 0;  // read and written
};

// Microseconds, by one thread.
double predicted_us(std::string_view kernel, const OperationSize& size);

}  // namespace hf::runtime::cpu
