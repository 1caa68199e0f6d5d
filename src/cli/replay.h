// Runs a recorded series through an anomaly detector as if it arrived now: windows are formed,
// scored in batches, and turned into alerts. `holdfast score` scores in this process, `holdfast
// stream` asks a server; both hand in a Scorer.

#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/time.h"
#include "cli/command.h"

namespace hf::cli {

// Windows of one size, one after another, each with the time of its last sample.
struct WindowBatch {
    std::vector<float> values;
    std::vector<Instant> times;
};

struct BatchScores {
    std::vector<double> scores;
    std::string receipt;  // its identifier; empty where there is none
};

// Milliseconds since 1970, as the input time_ms wants them.
std::int64_t to_milliseconds(Instant time);

class Scorer {
public:
    virtual ~Scorer() = default;
    virtual std::size_t window() const = 0;
    virtual Result<BatchScores> score(const WindowBatch& batch) = 0;
};

// Whether a detector's inputs are those of stream/detector_model.h, and what they ask for.
struct DetectorPorts {
    std::size_t window = 0;
    bool needs_time = false;
};
struct DetectorPort {
    std::string name;
    std::vector<std::int64_t> extents;
};
Result<DetectorPorts> detector_ports(const std::vector<DetectorPort>& inputs);

// The options of replay(), with those of series_options().
std::vector<Option> replay_options();

// Reads the series `path`, prints alerts as they open and a summary at the end.
Status replay(World& world, const std::string& path, const Arguments& arguments, Scorer& scorer);

}  // namespace hf::cli
