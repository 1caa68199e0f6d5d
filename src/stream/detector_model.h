// A detector as a graph of ONNX's own operators, to be exported, served and run anywhere.
//
//   inputs   window   f32[?xW]  the newest W values as measured, oldest first
//            time_ms  i64[?]    when the last of them was measured, in milliseconds since 1970;
//                               only in detectors with a period
//   outputs  score    f32[?x1]  1.0 is the limit
//            alert    bool[?x1] score > 1
//
// Opset 13, and only operators that every runtime has. The metadata says how the detector came to
// be, under keys that begin with "holdfast.". Thread-safety: pure functions.

#pragma once

#include <map>
#include <string>

#include "graph/graph.h"
#include "stream/detector.h"

namespace hf::stream {

inline constexpr std::int64_t kDetectorOpset = 13;

// INVALID_ARGUMENT for a detector with a period and a step that is no whole number of milliseconds.
Result<graph::Graph> detector_graph(const Detector& detector);

// What the graph's metadata says of the detector: window, step, period, limits, training range.
std::map<std::string, std::string> detector_metadata(const Detector& detector);

}  // namespace hf::stream
