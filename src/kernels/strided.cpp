#include "kernels/strided.h"

#include <algorithm>
#include <cstring>

namespace hf::kernels {
namespace {

template <typename T>
void axis_of(const Strided& s, std::size_t axis, const std::uint8_t* in, std::uint8_t* out) {
    for (std::size_t i = 0; i < s.extents[axis]; ++i) {
        T value;
        std::memcpy(&value, in, sizeof value);
        std::memcpy(out, &value, sizeof value);
        in += s.in_steps[axis];
        out += s.out_steps[axis];
    }
}

// The last axis.
void innermost(const Strided& s, const std::uint8_t* in, std::uint8_t* out) {
    const std::size_t axis = s.rank - 1;
    switch (s.run) {
        case 1: return axis_of<std::uint8_t>(s, axis, in, out);
        case 2: return axis_of<std::uint16_t>(s, axis, in, out);
        case 4: return axis_of<std::uint32_t>(s, axis, in, out);
        case 8: return axis_of<std::uint64_t>(s, axis, in, out);
        default: break;
    }
    for (std::size_t i = 0; i < s.extents[axis]; ++i) {
        std::memcpy(out, in, s.run);
        in += s.in_steps[axis];
        out += s.out_steps[axis];
    }
}

template <typename T>
void fill_as(const void* element, std::size_t count, void* out) {
    T value;
    std::memcpy(&value, element, sizeof value);
    std::fill_n(static_cast<T*>(out), count, value);
}

template <typename Index>
std::optional<std::int64_t> gather_by(const GatherRows& s, const Index* indices,
                                      const std::uint8_t* in, std::uint8_t* out) {
    const auto extent = static_cast<std::int64_t>(s.extent);
    for (std::size_t o = 0; o < s.outer; ++o, in += s.extent * s.row) {
        for (std::size_t i = 0; i < s.count; ++i, out += s.row) {
            const std::int64_t index = indices[i];
            if (index < -extent || index >= extent) return index;
            const auto from = static_cast<std::size_t>(index < 0 ? index + extent : index);
            if (s.row == 4) {
                std::memcpy(out, in + from * 4, 4);
            } else if (s.row > 0) {
                std::memcpy(out, in + from * s.row, s.row);
            }
        }
    }
    return std::nullopt;
}

}  // namespace

Strided merged(const Strided& given) {
    Strided s;
    s.run = given.run;
    for (std::size_t i = 0; i < given.rank; ++i) {
        const std::size_t extent = given.extents[i];
        if (extent == 1) continue;
        const auto steps = static_cast<std::ptrdiff_t>(extent);
        const std::size_t last = s.rank - 1;
        if (s.rank > 0 && s.in_steps[last] == steps * given.in_steps[i] &&
            s.out_steps[last] == steps * given.out_steps[i]) {
            s.extents[last] *= extent;
            s.in_steps[last] = given.in_steps[i];
            s.out_steps[last] = given.out_steps[i];
            continue;
        }
        s.extents[s.rank] = extent;
        s.in_steps[s.rank] = given.in_steps[i];
        s.out_steps[s.rank] = given.out_steps[i];
        ++s.rank;
    }
    const auto run = static_cast<std::ptrdiff_t>(s.run);
    if (s.rank > 0 && s.in_steps[s.rank - 1] == run && s.out_steps[s.rank - 1] == run) {
        --s.rank;
        s.run *= s.extents[s.rank];
    }
    return s;
}

void copy_strided(const Strided& s, const void* in, void* out) {
    const auto* from = static_cast<const std::uint8_t*>(in);
    auto* to = static_cast<std::uint8_t*>(out);
    for (std::size_t i = 0; i < s.rank; ++i) {
        if (s.extents[i] == 0) return;
    }
    if (s.run == 0) return;
    if (s.rank == 0) {
        std::memcpy(to, from, s.run);
        return;
    }
    std::array<std::size_t, kMaxStridedRank> at{};
    while (true) {
        innermost(s, from, to);
        std::size_t axis = s.rank - 1;
        while (axis > 0) {
            --axis;
            from += s.in_steps[axis];
            to += s.out_steps[axis];
            if (++at[axis] < s.extents[axis]) break;
            at[axis] = 0;
            from -= s.in_steps[axis] * static_cast<std::ptrdiff_t>(s.extents[axis]);
            to -= s.out_steps[axis] * static_cast<std::ptrdiff_t>(s.extents[axis]);
            if (axis == 0) return;
        }
        if (s.rank == 1) return;
    }
}

void fill(const void* element, std::size_t size, std::size_t count, void* out) {
    switch (size) {
        case 1: return fill_as<std::uint8_t>(element, count, out);
        case 2: return fill_as<std::uint16_t>(element, count, out);
        case 4: return fill_as<std::uint32_t>(element, count, out);
        default: return fill_as<std::uint64_t>(element, count, out);
    }
}

std::optional<std::int64_t> gather_rows(const GatherRows& gather, const void* indices,
                                        const void* in, void* out) {
    const auto* from = static_cast<const std::uint8_t*>(in);
    auto* to = static_cast<std::uint8_t*>(out);
    if (gather.wide) {
        return gather_by(gather, static_cast<const std::int64_t*>(indices), from, to);
    }
    return gather_by(gather, static_cast<const std::int32_t*>(indices), from, to);
}

}  // namespace hf::kernels
