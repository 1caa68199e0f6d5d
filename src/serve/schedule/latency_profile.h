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

    // From now on batches of so many rows may run; as it begins, all may where `all`, else 1 alone.
    explicit LatencyProfile(bool all = true) : prepared_(all ? kAllSizes : 1) {}
    void prepared(std::uint64_t rows);
    void unprepared() { prepared_ = 1; }  // but for 1 row

    struct Best {
        std::uint64_t rows = 1;
        std::uint64_t unprepared = 0;  // that would be tried if they might run; 0: none
    };

    // A power of two, at most `waiting` (at least 1) and kBatchRowsMax: of the sizes that may run
    // and take `most` at the longest, the one whose rows are cheapest, the smallest where that
    // makes little difference, and 1 where it makes no difference worth a batch. A size that never
    // ran is tried once the one below has paid. What was learnt gets old: `look` asks for the next
    // size above (1) or below (-1) instead, where there is one.
    Best best(std::uint64_t waiting, Duration most, int look) const;

private:
    static constexpr std::size_t kSizes = 7;  // 1, 2, 4, ... kBatchRowsMax
    static constexpr std::uint32_t kAllSizes = (1u << kSizes) - 1;

    bool is_prepared(std::size_t size) const { return (prepared_ >> size & 1) != 0; }
    bool allows(std::size_t size, std::uint64_t waiting, Duration most) const;

    std::uint32_t prepared_;                    // a bit a size
    std::array<double, kSizes> row_seconds_{};  // moving averages; 0: never ran
};

}  // namespace hf::serve
