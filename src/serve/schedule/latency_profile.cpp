#include "serve/schedule/latency_profile.h"

#include <algorithm>
#include <bit>

namespace hf::serve {
namespace {

constexpr double kNewest = 0.2;      // weight of the newest batch in the average
constexpr double kGainLeast = 0.05;  // by which a row must be cheaper for the batch to grow

// By which a row must be cheaper than alone for batches to be worth it at all: who waits for a
// batch leaves the machine idle when it is done, until the next requests come.
constexpr double kWorthLeast = 0.2;

double seconds(Duration duration) {
    return std::chrono::duration<double>(duration).count();
}

}  // namespace

void LatencyProfile::note(std::uint64_t rows, Duration took) {
    const std::uint64_t counted = std::clamp<std::uint64_t>(rows, 1, kBatchRowsMax);
    double& known = row_seconds_[static_cast<std::size_t>(std::bit_width(counted) - 1)];
    const double row = seconds(took) / static_cast<double>(std::max<std::uint64_t>(rows, 1));
    known = known == 0 ? row : known + kNewest * (row - known);
}

Duration LatencyProfile::expect(std::uint64_t rows) const {
    const std::uint64_t counted = std::clamp<std::uint64_t>(rows, 1, kBatchRowsMax);
    auto size = static_cast<std::size_t>(std::bit_width(counted) - 1);
    while (size > 0 && row_seconds_[size] == 0) --size;
    while (size < kSizes - 1 && row_seconds_[size] == 0) ++size;
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(
        row_seconds_[size] * static_cast<double>(std::max<std::uint64_t>(rows, 1))));
}

bool LatencyProfile::allows(std::size_t size, std::uint64_t waiting, Duration most) const {
    return size < kSizes && std::uint64_t{1} << size <= waiting &&
           expect(std::uint64_t{1} << size) <= most;
}

void LatencyProfile::prepared(std::uint64_t rows) {
    const std::uint64_t counted = std::clamp<std::uint64_t>(rows, 1, kBatchRowsMax);
    prepared_ |= 1u << (std::bit_width(counted) - 1);
}

LatencyProfile::Best LatencyProfile::best(std::uint64_t waiting, Duration most, int look) const {
    if (row_seconds_[0] == 0) return {};
    std::size_t best = 0;
    std::uint64_t unprepared = 0;
    for (std::size_t size = 1; allows(size, waiting, most); ++size) {
        const bool next = best == size - 1;  // the one below has paid
        if (!is_prepared(size)) {
            if (next) unprepared = std::uint64_t{1} << size;
            break;
        }
        if (row_seconds_[size] == 0) {
            if (next) return {std::uint64_t{1} << size};
            break;
        }
        if (row_seconds_[size] < row_seconds_[best] * (1 - kGainLeast)) best = size;
    }
    if (row_seconds_[best] > row_seconds_[0] * (1 - kWorthLeast)) best = 0;
    if (look > 0 && allows(best + 1, waiting, most)) {
        if (is_prepared(best + 1)) {
            ++best;
        } else {
            unprepared = std::uint64_t{2} << best;
        }
    }
    if (look < 0 && best > 0) --best;
    return {std::uint64_t{1} << best, unprepared};
}

}  // namespace hf::serve
