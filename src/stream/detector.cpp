#include "stream/detector.h"

#include <algorithm>
#include <cmath>

#include "stream/eigen.h"

namespace hf::stream {
namespace {

// Below these a direction or a residual is rounding, not signal.
constexpr double kLeastVarianceShare = 1e-9;
constexpr double kLeastSpePerSample = 1e-8;

double median(std::vector<double> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    if (values.size() % 2 == 1) return *middle;
    return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

// With linear interpolation between neighbours. REQUIRES: not empty.
double quantile(std::vector<double> values, double share) {
    std::sort(values.begin(), values.end());
    const double at = share * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(at);
    const std::size_t above = std::min(below + 1, values.size() - 1);
    return std::lerp(values[below], values[above], at - std::floor(at));
}

Status check_options(const Series& training, const DetectorOptions& options) {
    if (options.window < kMinWindow || options.window > kMaxWindow) {
        return invalid_argument("a window of {} samples: want {} to {}", options.window, kMinWindow,
                                kMaxWindow);
    }
    if (options.period > kMaxPeriod || options.period == 1) {
        return invalid_argument("a period of {} samples: want 2 to {}, or 0 for none",
                                options.period, kMaxPeriod);
    }
    if (!(options.quantile >= 0.5 && options.quantile < 1)) {
        return invalid_argument("a quantile of {}: want 0.5 up to but not 1", options.quantile);
    }
    if (!(options.explained > 0 && options.explained < 1)) {
        return invalid_argument("{} of the variance: want between 0 and 1", options.explained);
    }
    const std::size_t least = std::max(3 * options.window, 2 * options.period);
    if (training.size() < least) {
        return invalid_argument(
            "{} samples to learn from, and a window of {} and a period of {} need {}: give more "
            "data, or a smaller window or period",
            training.size(), options.window, options.period, least);
    }
    const auto width = static_cast<double>(options.window);
    if (static_cast<double>(training.size()) * width * width > kMaxFitWork) {
        return resource_exhausted(
            "{} samples with a window of {} are too much to learn from: give a part of the data, "
            "or a smaller window",
            training.size(), options.window);
    }
    return {};
}

Status check_step(const Detector& detector) {
    constexpr double kMostSeasonNs = 3e18;  // 95 years
    const auto period = static_cast<double>(std::max<std::size_t>(detector.options.period, 1));
    if (static_cast<double>(detector.step.count()) * period <= kMostSeasonNs) return {};
    return invalid_argument("samples {} apart: too rare for a period of {}",
                            format_duration(detector.step), detector.options.period);
}

// A detector computes in 32-bit floats wherever it runs: it must be able to tell samples apart.
Status check_precision(const Series& training, const Detector& detector) {
    constexpr double kMostMagnitude = 1e15;
    constexpr double kLeastMagnitude = 1e-15;
    constexpr double kLeastRatio = 1e-6;
    double largest = 0;
    for (const Sample& sample : training) largest = std::max(largest, std::abs(sample.value));
    if (largest > kMostMagnitude || detector.scale < kLeastMagnitude) {
        return invalid_argument(
            "samples up to {:g} that vary by {:g}: use a unit in which they are nearer to 1",
            largest, detector.scale);
    }
    if (detector.scale >= kLeastRatio * largest) return {};
    return invalid_argument(
        "samples up to {:g} vary by {:g} only, which 32-bit floats cannot tell apart: subtract a "
        "constant from them first",
        largest, detector.scale);
}

Status fit_scale(const Series& training, Detector& detector) {
    std::vector<double> values;
    for (const Sample& sample : training) values.push_back(sample.value);
    detector.center = median(values);
    for (double& value : values) value = std::abs(value - detector.center);
    constexpr double kSigmaPerMad = 1.4826;  // for a normal distribution
    detector.scale = kSigmaPerMad * median(values);
    if (detector.scale == 0) {
        // More than half of the samples are equal; the mean deviation is zero only if all are.
        double sum = 0;
        for (double deviation : values) sum += deviation / static_cast<double>(values.size());
        detector.scale = sum;
    }
    if (detector.scale > 0) return check_precision(training, detector);
    return invalid_argument("every sample is {}: there is nothing to learn from", detector.center);
}

void fit_profile(const Series& training, Detector& detector) {
    std::vector<std::vector<double>> by_phase(detector.options.period);
    for (const Sample& sample : training) {
        by_phase[phase_at(detector, sample.time)].push_back((sample.value - detector.center) /
                                                            detector.scale);
    }
    // Where training has a hole in every season, zero: the median of all samples.
    for (std::vector<double>& values : by_phase) {
        detector.profile.push_back(values.empty() ? 0 : median(std::move(values)));
    }
}

// What the components see of a window: scaled, without profile and mean.
void centre_window(const Detector& detector, std::span<const double> window, Instant last,
                   std::vector<double>& out) {
    const std::size_t width = window.size();
    const std::size_t period = detector.profile.size();
    const std::size_t phase = period == 0 ? 0 : phase_at(detector, last);
    out.resize(width);
    for (std::size_t i = 0; i < width; ++i) {
        out[i] = (window[i] - detector.center) / detector.scale;
        if (period > 0) {
            const std::size_t back = (width - 1 - i) % period;
            out[i] -= detector.profile[(phase + period - back) % period];
        }
        if (!detector.mean.empty()) out[i] -= detector.mean[i];
    }
}

void fit_mean(const Series& training, Detector& detector) {
    const std::size_t width = detector.options.window;
    std::vector<double> sum(width, 0.0);
    std::vector<double> centred;
    detector.holes = for_each_window(training, {width, detector.step},
                                     [&](std::span<const double> window, Instant time) {
                                         centre_window(detector, window, time, centred);
                                         for (std::size_t i = 0; i < width; ++i) {
                                             sum[i] += centred[i];
                                         }
                                         ++detector.windows;
                                     });
    for (double& entry : sum)
        entry /= static_cast<double>(std::max<std::size_t>(detector.windows, 1));
    detector.mean = std::move(sum);
}

SquareMatrix covariance(const Series& training, const Detector& detector) {
    const std::size_t width = detector.options.window;
    SquareMatrix sums(width);
    std::vector<double> centred;
    for_each_window(training, {width, detector.step},
                    [&](std::span<const double> window, Instant time) {
                        centre_window(detector, window, time, centred);
                        for (std::size_t i = 0; i < width; ++i) {
                            for (std::size_t j = i; j < width; ++j) {
                                sums.at(i, j) += centred[i] * centred[j];
                            }
                        }
                    });
    for (std::size_t i = 0; i < width; ++i) {
        for (std::size_t j = i; j < width; ++j) {
            sums.at(i, j) /= static_cast<double>(detector.windows - 1);
            sums.at(j, i) = sums.at(i, j);
        }
    }
    return sums;
}

Status fit_components(const Series& training, Detector& detector) {
    const std::size_t width = detector.options.window;
    const Eigen eigen = HF_TRY(symmetric_eigen(covariance(training, detector)));
    double total = 0;
    for (double value : eigen.values) total += std::max(value, 0.0);
    const std::size_t most = std::max<std::size_t>(1, width / kWindowPerComponent);
    double held = 0;
    for (std::size_t i = 0; i < most && held < detector.options.explained * total; ++i) {
        if (eigen.values[i] <= kLeastVarianceShare * eigen.values[0]) break;
        held += eigen.values[i];
        detector.variances.push_back(eigen.values[i]);
    }
    if (detector.variances.empty()) {
        return invalid_argument("the windows do not differ from each other: nothing to learn from");
    }
    const auto count = static_cast<std::ptrdiff_t>(detector.variances.size() * width);
    detector.components.assign(eigen.vectors.begin(), eigen.vectors.begin() + count);
    detector.explained = held / total;
    return {};
}

// SPE and T squared, not yet divided by their limits.
Verdict distances(const Detector& detector, std::vector<double>& centred) {
    const std::size_t width = centred.size();
    Verdict verdict;
    for (std::size_t c = 0; c < detector.variances.size(); ++c) {
        const double* component = &detector.components[c * width];
        double along = 0;
        for (std::size_t i = 0; i < width; ++i) along += component[i] * centred[i];
        for (std::size_t i = 0; i < width; ++i) centred[i] -= along * component[i];
        verdict.t2 += along * along / detector.variances[c];
    }
    for (double residual : centred) verdict.spe += residual * residual;
    return verdict;
}

void fit_limits(const Series& training, Detector& detector) {
    std::vector<double> spe, t2, centred;
    for_each_window(training, {detector.options.window, detector.step},
                    [&](std::span<const double> window, Instant time) {
                        centre_window(detector, window, time, centred);
                        const Verdict verdict = distances(detector, centred);
                        spe.push_back(verdict.spe);
                        t2.push_back(verdict.t2);
                    });
    // Half of the windows that may be outside for each limit.
    const double share = 1 - (1 - detector.options.quantile) / 2;
    const double least = kLeastSpePerSample * static_cast<double>(detector.options.window);
    detector.spe_limit = std::max(quantile(std::move(spe), share), least);
    detector.t2_limit = std::max(quantile(std::move(t2), share), kLeastSpePerSample);
}

}  // namespace

std::size_t phase_at(const Detector& detector, Instant time) {
    const std::int64_t season =
        detector.step.count() * static_cast<std::int64_t>(detector.options.period);
    std::int64_t into = (time - detector.first + detector.step / 2).count() % season;
    if (into < 0) into += season;
    return static_cast<std::size_t>(into / detector.step.count());
}

Result<Detector> fit_detector(const Series& training, const DetectorOptions& options) {
    HF_TRY(check_options(training, options));
    Detector detector;
    detector.options = options;
    detector.step = typical_step(training);
    detector.first = training.front().time;
    detector.last = training.back().time;
    detector.samples = training.size();
    HF_TRY(check_step(detector));
    HF_TRY(fit_scale(training, detector));
    if (options.period > 0) fit_profile(training, detector);
    fit_mean(training, detector);
    if (detector.windows < 2 * options.window) {
        return invalid_argument(
            "holes in the data leave {} whole windows of {} samples to learn from; {} are needed",
            detector.windows, options.window, 2 * options.window);
    }
    HF_TRY(fit_components(training, detector));
    fit_limits(training, detector);
    return detector;
}

Verdict judge(const Detector& detector, std::span<const double> window, Instant last) {
    HF_CHECK(window.size() == detector.options.window);
    std::vector<double> centred;
    centre_window(detector, window, last, centred);
    Verdict verdict = distances(detector, centred);
    verdict.spe /= detector.spe_limit;
    verdict.t2 /= detector.t2_limit;
    return verdict;
}

}  // namespace hf::stream
