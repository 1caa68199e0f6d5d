// LatencyProfile: what batches of one model take, learnt from those that ran, and so how many rows
// are worth running at a time. Nobody configures it: a model whose rows get no cheaper together
// runs them one by one, and answers sooner.
//
// Pure; a value. Rows are told apart by powers of two up to kBatchRowsMax.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace hf::serve {

inline constexpr std::uint64_t kBatchRowsMax = 64;

class LatencyProfile final {
public:
    void note(std::uint64_t rows, Duration took);

    // What so many rows will take; zero while nothing has run.
    Duration expect(std::uint64_t rows) const;

    // A power of two, at most `waiting` (at least 1) and kBatchRowsMax: of the sizes that take
    // `most` at the longest, the one whose rows are cheapest, the smallest where that makes little
    // difference, and 1 where it makes no difference worth a batch. A size that never ran is tried
    // once the one below has paid. What was learnt gets old: `look` asks for the next size above
    // (1) or below (-1) instead, where there is one.
    std::uint64_t best_rows(std::uint64_t waiting, Duration most, int look) const;

private:
    static constexpr std::size_t kSizes = 7;  // 1, 2, 4, ... kBatchRowsMax

    bool allows(std::size_t size, std::uint64_t waiting, Duration most) const;

    std::array<double, kSizes> row_seconds_{};  // moving averages; 0: never ran
};

}  // namespace hf::serve
