// From what an activation was seen to be to how it is stored: real = scale * (stored - zero) as u8.
//
// A range is observed in two rounds, first its ends and then a histogram between them, so that no
// more than kBins counters are kept a tensor however many samples there are. Zero is always within
// the range and always exact: padding and the lower end of a Relu lose nothing.
//
// Thread-safety: values.

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hf::passes {

// How the ends of a range are chosen.
enum class Calibrator : unsigned char {
    kMinMax,      // what was seen, to the last outlier
    kPercentile,  // without the outermost share of elements
    kMse,         // where the squared error of rounding and cutting off is least
};

// "minmax", "percentile", "mse". INVALID_ARGUMENT names the nearest.
Result<Calibrator> parse_calibrator(std::string_view name);
std::string_view calibrator_name(Calibrator calibrator);

struct CalibrationRule {
    Calibrator calibrator = Calibrator::kPercentile;
    double percentile = 99.99;  // of elements that stay within the range; above 50, at most 100
};

// How a u8 activation is stored, and the ends that this stands for.
struct Stored {
    float scale = 1;
    std::uint8_t zero = 0;
    float low = 0, high = 0;
};

// The finest steps that hold [low, high] and zero. 255 steps never reach beyond `high`, where zero
// is the lower end: a Clip to it then is no more than the type's own limit.
Stored stored_as(float low, float high);

class Range final {
public:
    static constexpr std::size_t kBins = 2048;

    // The first round. False when an element is not finite.
    bool widen(std::span<const float> values);

    // The second round. REQUIRES: the values were part of the first.
    void count(std::span<const float> values);

    float low() const { return low_; }
    float high() const { return high_; }

    // REQUIRES: for calibrators but kMinMax, the second round was done.
    Stored choose(const CalibrationRule& rule) const;

private:
    double center(std::size_t bin) const;
    Stored without_outliers(double percentile) const;
    Stored least_error() const;
    double squared_error(const Stored& stored) const;

    float low_ = 0, high_ = 0;
    std::vector<std::uint64_t> bins_;
    std::uint64_t counted_ = 0;
};

}  // namespace hf::passes
