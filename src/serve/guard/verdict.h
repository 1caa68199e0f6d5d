// What a guard says of one request and its answer. Pure functions over tensors: nothing here runs a
// model (guarding.h does).
//
// A request is suspicious for each reason that holds. What a guard cannot judge, because a score
// comes out as no number or a squeezed run failed, is suspicious too.

#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "serve/guard/guard.h"
#include "tensor/tensor.h"

namespace hf::serve::guard {

// In the order in which a request is told of them; the words that callers, receipts and metrics
// see.
enum class Reason : unsigned char {
    kNotFinite,    // an input has NaN or an infinity
    kRange,        // an input has an element out of its range
    kEnergy,       // the answer's energy is above its threshold
    kMahalanobis,  // the layer is too far from every class
    kSqueezing,    // squeezed inputs are answered too differently
    kUnjudged,     // a score could not be told
};
inline constexpr std::size_t kReasonCount = 6;
std::string_view reason_name(Reason reason);  // "not_finite"

struct Verdict {
    std::vector<Reason> reasons;  // each once, in their order; empty: nothing is suspicious
    std::string where;            // of the first input out of its range, for people
    std::optional<double> energy;
    std::optional<double> mahalanobis;
    std::optional<double> squeezing;

    bool suspicious() const { return !reasons.empty(); }
};

// Of the inputs alone. `inputs`: in signature order. REQUIRES: guard is bound to their signature.
Verdict judge_inputs(const Guard& guard, std::span<const Tensor> inputs);

// What a model was asked and answered. `squeezed`: its answer to each squeezer's input, in their
// order; one that failed is empty.
struct Seen {
    std::span<const Tensor> inputs;
    std::span<const Tensor> outputs;  // with the layer, where it is hidden
    std::span<const std::vector<Tensor>> squeezed;
};
Verdict judge(const Guard& guard, const Seen& seen);

// "pass", or "suspicious; energy, squeezing".
std::string summary(const Verdict& verdict);

// Of a receipt: mode, verdict, reasons, and scores as decimal texts of six digits.
json::Object account(Mode mode, const Verdict& verdict);

// What a request is told that is refused. REQUIRES: the verdict is suspicious.
Status refusal(const Guard& guard, const Verdict& verdict);

}  // namespace hf::serve::guard
