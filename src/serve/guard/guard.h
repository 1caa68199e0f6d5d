// Guard: what is held against every request of a model and its answer: ranges of the inputs, how
// far the answer lies from what the model was fitted on, and how much it changes when the input is
// squeezed. A JSON file beside the model's says so, of the type holdfast.dev/guard/v1 (written by
// `holdfast guard fit`, or by hand; docs/reference/guard.md).
//
// The idea: a guard is a value. parse() reads it strictly, bind() holds it against a signature when
// the model is loaded, and verdict.h judges with it, without state, time or chance.
//
// Values; from any thread. Errors: INVALID_ARGUMENT, RESOURCE_EXHAUSTED, with the JSON pointer of
// the place.
//
// Scores: W. Liu, X. Wang, J. Owens, Y. Li, "Energy-based Out-of-distribution Detection" (2020);
// K. Lee, K. Lee, H. Lee, J. Shin, "A Simple Unified Framework for Detecting Out-of-Distribution
// Samples and Adversarial Attacks" (2018); W. Xu, D. Evans, Y. Qi, "Feature Squeezing" (2018).

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "runtime/model.h"

namespace hf::serve::guard {

inline constexpr std::string_view kType = "holdfast.dev/guard/v1";
inline constexpr std::size_t kMaxFileBytes = 16u << 20;
inline constexpr std::size_t kMaxWidth = 1024;     // of the features of a layer
inline constexpr std::size_t kMaxClasses = 1000;   // that features are told apart by
inline constexpr std::size_t kMaxBounds = 65'536;  // of one input, one for each place
inline constexpr std::size_t kMaxInputs = 4096;
inline constexpr std::size_t kMaxSqueezers = 8;  // each is one more run of the model

// What a suspicion leads to.
enum class Mode : unsigned char {
    kObserve,  // metrics and receipts tell of it
    kFlag,     // so does the answer
    kRefuse,   // there is no answer
};
std::string_view mode_name(Mode mode);  // "observe"
Result<Mode> parse_mode(std::string_view name);

struct InputRule {
    std::string name;
    bool finite = true;         // NaN and infinities are suspicious
    std::vector<double> least;  // empty: no bound; one: of every element; else one for each place
    std::vector<double> most;   // along the last axis
    std::size_t index = 0;      // in the signature
};

// -T logsumexp(logits / T) of each row; above the threshold is suspicious.
struct Energy {
    std::string output;  // its logits, f32
    double temperature = 1;
    double threshold = 0;
    std::size_t index = 0;
};

enum class Reduce : unsigned char {
    kFlatten,  // all of a row are its features
    kMean,     // one feature a channel, the second axis: its mean over the rest
};

// The squared Mahalanobis distance from the nearest class, under one covariance of all classes.
struct Mahalanobis {
    std::string layer;  // an output, or a value of the graph that was made one (`hidden` below)
    Reduce reduce = Reduce::kFlatten;
    std::size_t width = 0;
    std::size_t classes = 0;
    std::vector<float> mean;       // of all; `width` numbers
    std::vector<float> whitening;  // L^-1 of the covariance L L^T: its lower triangle, row by row
    std::vector<float> centres;    // of each class, whitened: `width` numbers a class
    double threshold = 0;
    std::size_t index = 0;
};

enum class Layout : unsigned char { kNchw, kNhwc };

struct Squeezer {
    enum class Kind : unsigned char { kBitDepth, kMedian };
    Kind kind = Kind::kBitDepth;
    int bits = 1;      // of kBitDepth: values between least and most become one of 2^bits
    double least = 0;  // evenly spaced ones
    double most = 1;
    int size = 2;  // of kMedian: the side of its window, 2 or 3
    Layout layout = Layout::kNchw;
};

// The greatest L1 distance between the probabilities for an input and those for it squeezed.
struct Squeezing {
    std::string input;    // the images, f32
    std::string output;   // the scores of classes, f32
    bool softmax = true;  // they are logits
    std::vector<Squeezer> squeezers;
    double threshold = 0;
    std::size_t input_index = 0;
    std::size_t output_index = 0;
};

struct Guard {
    Mode mode = Mode::kFlag;
    std::string model;  // the digest of the file that it was fitted on, "sha256:..."; empty: any
    std::vector<InputRule> inputs;
    std::optional<Energy> energy;
    std::optional<Mahalanobis> mahalanobis;
    std::optional<Squeezing> squeezing;
    json::Object fitted;  // how it was, for people; nothing depends on it
    bool hidden = false;  // by bind(): the model's last output is the layer, and nobody's answer
};

Result<Guard> parse(std::string_view text);
std::string write(const Guard& guard);  // what parse() reads, over several lines

// Holds the guard against the model's signature, with its layer exposed where it has to be.
// `own_outputs`: how many outputs are the model's own.
Result<Guard> bind(Guard guard, const runtime::Signature& signature, std::size_t own_outputs);

}  // namespace hf::serve::guard
