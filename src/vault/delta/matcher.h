// Finds content of the result in parts of the base; align.h says how.
//
// Borrows both views. Pure; after construction const and so thread-safe.

#pragma once

#include <optional>
#include <vector>

#include "base/bytes.h"

namespace hf::vault::delta {

struct Stretch;

struct Range {
    std::uint64_t from = 0;
    std::uint64_t to = 0;
};

class Matcher final {
public:
    Matcher(ByteView base, ByteView result, const std::vector<Range>& parts);

    // Appends stretches that cover `range` of the result. `expected`: where in the base its first
    // byte lies if nothing better is found.
    void cover(Range range, std::uint64_t expected, std::vector<Stretch>& out) const;

private:
    // A place in the base less the place in the result, modulo 2^64.
    using Shift = std::uint64_t;

    struct Hit {
        std::uint64_t at = 0;
        std::uint64_t size = 0;
        Shift shift = 0;
    };

    std::optional<std::uint64_t> look_up(std::uint64_t at) const;
    std::optional<Hit> next_hit(std::uint64_t at, std::uint64_t to, Shift shift) const;
    bool same(std::uint64_t at, Shift shift) const;
    std::uint64_t run(std::uint64_t at, std::uint64_t to, Shift shift) const;
    std::uint64_t agreeing_end(Range range, Shift shift) const;
    std::pair<std::uint64_t, std::uint64_t> boundary(std::uint64_t from, const Hit& hit,
                                                     Shift shift) const;
    void emit(Range range, Shift shift, std::vector<Stretch>& out) const;

    ByteView base_;
    ByteView result_;
    std::uint64_t step_ = 1;             // places of the base that are multiples of it are known
    unsigned bits_ = 0;                  // of a hash
    std::vector<std::uint32_t> places_;  // by hash: the place over the step, plus one; 0: none
};

}  // namespace hf::vault::delta
