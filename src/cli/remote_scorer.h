// A Scorer that asks a server over the Open Inference Protocol, window by window.

#pragma once

#include <memory>
#include <string>

#include "cli/replay.h"

namespace hf::cli {

// `server` is a base URL, "http://127.0.0.1:8080"; `service` a detector that answers there, whose
// inputs are checked here.
Result<std::unique_ptr<Scorer>> connect_scorer(const std::string& server,
                                               const std::string& service);

}  // namespace hf::cli
