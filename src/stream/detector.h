// An anomaly detector for one sensor: what normal windows look like, found in closed form.
//
// Normal windows are scaled by median and median absolute deviation, a seasonal profile is taken
// off where there is a period, and their principal components span the subspace of usual shapes.
// A window is judged by two distances (Jackson and Mudholkar, "Control procedures for residuals
// associated with principal component analysis", Technometrics 21, 1979): how far it lies outside
// the subspace (the squared prediction error, SPE: a shape not seen before) and how far out inside
// it (Hotelling's T squared: a usual shape of unusual size). Each is divided by its limit, a
// quantile of what the training windows themselves show, without an assumption of normality. The
// score is the larger of the two ratios, so that 1.0 is the limit whatever the sensor measures.
//
// The fit uses no randomness: the same samples give the same detector. Thread-safety: pure
// functions over values.

#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/status.h"
#include "stream/series.h"
#include "stream/windows.h"

namespace hf::stream {

inline constexpr std::size_t kMinWindow = 4;
inline constexpr std::size_t kMaxPeriod = 20160;  // a fortnight of minutes

// Multiplications in the covariance; more would take minutes.
inline constexpr double kMaxFitWork = 2e11;

struct DetectorOptions {
    std::size_t window = 48;  // kMinWindow to kMaxWindow samples
    std::size_t period = 0;   // samples in a season; 0: none. Two seasons must be there to learn it
    double explained = 0.99;  // the share of variance that the subspace should hold
    double quantile = 0.999;  // of training windows within both limits
};

// The subspace has at most a share 1 / kWindowPerComponent of the window's dimensions, whatever
// `explained` asks for: where noise fills all of them, a large subspace would only learn noise.
inline constexpr std::size_t kWindowPerComponent = 8;

struct Detector {
    DetectorOptions options;
    Duration step = Duration::zero();

    double center = 0;
    double scale = 1;
    std::vector<double> profile;     // by phase, in scaled units; empty without a period
    std::vector<double> mean;        // of the windows, after scaling and profile
    std::vector<double> components;  // one a row, window wide, orthonormal
    std::vector<double> variances;   // one a component, falling
    double spe_limit = 0;
    double t2_limit = 0;

    // Of the training data.
    Instant first;  // the phase counts from here
    Instant last;
    std::size_t samples = 0;
    std::size_t windows = 0;
    WindowCounts holes;
    double explained = 0;  // what the components reached
};

// INVALID_ARGUMENT for options out of bounds, too few samples, and a sensor that never changes;
// RESOURCE_EXHAUSTED above kMaxFitWork.
Result<Detector> fit_detector(const Series& training, const DetectorOptions& options);

struct Verdict {
    double spe = 0;  // by its limit
    double t2 = 0;   // by its limit
    double score() const { return spe > t2 ? spe : t2; }
};

// REQUIRES: window.size() == detector.options.window.
Verdict judge(const Detector& detector, std::span<const double> window, Instant last);

// Which sample of the period falls at `time`: whole steps since detector.first, rounded.
std::size_t phase_at(const Detector& detector, Instant time);

}  // namespace hf::stream
