// Comparison: a request that the previous version of a service answered, with that answer, for a
// machine that has the next version to hold its own answer against: the agreement of two versions
// on real traffic, before the next one gets more of it (docs/reference/rollouts.md, "Agreement").
//
// On the wire it is one JSON object, then the request's body, then the answer's, both as the Open
// Inference Protocol has them:
//
//     {"digest": "sha256:...", "tolerance": 0.001, "classScores": ["scores"],
//      "request": {"bytes": 120, "jsonBytes": 80}, "answer": {"bytes": 60}}
//
// Pure; values. It comes over the network: errors are INVALID_ARGUMENT and name the place.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "serve/infer_request.h"

namespace hf::serve {

inline constexpr std::size_t kClassScoresMax = 64;  // outputs named
inline constexpr double kToleranceMax = 1e3;

// When two answers agree. Class scores do when each row (along the last axis) has its highest score
// at the same place, of equal ones at the first. Other floating-point numbers do when they differ
// by at most tolerance x max(1, |the previous one|); a previous NaN agrees with all that is not
// finite, an infinity with itself.
// Integers, truths and texts agree when they are the same.
struct AgreementRule {
    double tolerance = 0;
    std::vector<std::string> class_scores;  // names of outputs
    friend bool operator==(const AgreementRule&, const AgreementRule&) = default;
};

// What differs, in words; empty when `now` agrees with `before`.
std::string difference(const OutputTensor& before, const Tensor& now, const AgreementRule& rule);

// A body of the protocol and how much of it is JSON; nullopt: all.
struct InferPart {
    ByteView bytes;
    std::optional<std::size_t> json_bytes;
};

struct Comparison {
    std::string digest;  // of the version that is to be held against the answer
    AgreementRule rule;
    InferPart request;
    InferPart answer;  // the previous version's
};

// REQUIRES: the sizes of the parts fit their bytes.
InferBody write_comparison(const Comparison& comparison);

// The parts view `body`.
Result<Comparison> parse_comparison(ByteView body, std::size_t json_bytes);

}  // namespace hf::serve
