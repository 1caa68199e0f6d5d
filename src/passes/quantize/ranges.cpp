#include "passes/quantize/ranges.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "base/text.h"

namespace hf::passes {
namespace {

constexpr float kSteps = 255;

constexpr std::array<std::pair<std::string_view, Calibrator>, 3> kCalibrators{
    {{"minmax", Calibrator::kMinMax},
     {"percentile", Calibrator::kPercentile},
     {"mse", Calibrator::kMse}}};

}  // namespace

Result<Calibrator> parse_calibrator(std::string_view name) {
    std::vector<std::string> names;
    for (const auto& [known, calibrator] : kCalibrators) {
        if (known == name) return calibrator;
        names.emplace_back(known);
    }
    return invalid_argument("there is no calibrator '{}'{}", name,
                            suggestion(name, names, "calibrators"));
}

std::string_view calibrator_name(Calibrator calibrator) {
    for (const auto& [name, known] : kCalibrators) {
        if (known == calibrator) return name;
    }
    return "";
}

Stored stored_as(float low, float high) {
    low = std::min(low, 0.0f);
    high = std::max(high, 0.0f);
    const double span = double{high} - double{low};
    Stored stored;
    // The quotient of ends that are next to nothing would be no normal number.
    const auto scale = static_cast<float>(span / double{kSteps});
    if (std::isnormal(scale)) stored.scale = scale;
    if (low == 0 && std::isnormal(scale) && stored.scale * kSteps > high) {
        stored.scale = std::nextafter(stored.scale, 0.0f);
    }
    const double zero = std::nearbyint(double{-low} / double{stored.scale});
    stored.zero = static_cast<std::uint8_t>(std::clamp(zero, 0.0, double{kSteps}));
    stored.low = -stored.scale * static_cast<float>(stored.zero);
    stored.high = stored.scale * (kSteps - static_cast<float>(stored.zero));
    return stored;
}

bool Range::widen(std::span<const float> values) {
    for (const float value : values) {
        if (!std::isfinite(value)) return false;
        low_ = std::min(low_, value);
        high_ = std::max(high_, value);
    }
    return true;
}

void Range::count(std::span<const float> values) {
    if (bins_.empty()) bins_.assign(kBins, 0);
    const double span = double{high_} - double{low_};
    if (!(span > 0)) return;
    const double factor = static_cast<double>(kBins) / span;
    for (const float value : values) {
        const double place = (double{value} - double{low_}) * factor;
        ++bins_[static_cast<std::size_t>(std::clamp(place, 0.0, double{kBins - 1}))];
    }
    counted_ += values.size();
}

double Range::center(std::size_t bin) const {
    const double width = (double{high_} - double{low_}) / static_cast<double>(kBins);
    return double{low_} + (static_cast<double>(bin) + 0.5) * width;
}

Stored Range::choose(const CalibrationRule& rule) const {
    if (rule.calibrator == Calibrator::kMinMax || counted_ == 0) return stored_as(low_, high_);
    if (rule.calibrator == Calibrator::kMse) return least_error();
    return without_outliers(rule.percentile);
}

// Half of the outermost share is taken from each end; an end at zero has nothing to lose, so that
// the other then loses all of it.
Stored Range::without_outliers(double percentile) const {
    const double share = (100 - percentile) / 100 * static_cast<double>(counted_);
    const bool both = low_ < 0 && high_ > 0;
    const auto most = static_cast<std::uint64_t>(both ? share / 2 : share);
    const double width = (double{high_} - double{low_}) / static_cast<double>(kBins);
    std::size_t first = 0, last = kBins;  // the bins that stay
    for (std::uint64_t cut = 0; low_ < 0 && first + 1 < last && cut + bins_[first] <= most;) {
        cut += bins_[first++];
    }
    for (std::uint64_t cut = 0; high_ > 0 && first + 1 < last && cut + bins_[last - 1] <= most;) {
        cut += bins_[--last];
    }
    const float low = first == 0 ? low_ : static_cast<float>(low_ + width * double(first));
    const float high = last == kBins ? high_ : static_cast<float>(low_ + width * double(last));
    return stored_as(low, high);
}

double Range::squared_error(const Stored& stored) const {
    double sum = 0;
    for (std::size_t bin = 0; bin < kBins; ++bin) {
        if (bins_[bin] == 0) continue;
        const double real = center(bin);
        const double step = std::clamp(std::nearbyint(real / double{stored.scale}) + stored.zero,
                                       0.0, double{kSteps});
        const double off = real - double{stored.scale} * (step - stored.zero);
        sum += off * off * static_cast<double>(bins_[bin]);
    }
    return sum;
}

// Both ends shrink together; an end may be wrong by no more than the other, so the search is over
// one number.
Stored Range::least_error() const {
    constexpr int kCandidates = 100;
    Stored best = stored_as(low_, high_);
    double least = squared_error(best);
    for (int i = 1; i < kCandidates; ++i) {
        const float part = 1 - static_cast<float>(i) / kCandidates;
        const Stored candidate = stored_as(low_ * part, high_ * part);
        const double error = squared_error(candidate);
        if (error >= least) continue;
        least = error;
        best = candidate;
    }
    return best;
}

}  // namespace hf::passes
