// What a server tells of its requests, as the options of a command say: --traces, --trace-ratio,
// --access-log.
//
// Owned by the command, and outlives its servers. Thread-safety: as its parts.

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/command.h"
#include "serve/seen/observer.h"

namespace hf::cli {

// `fallback` of --trace-ratio included.
std::vector<Option> observing_options();

struct Observing {
    std::unique_ptr<serve::seen::SpanExporter> spans;  // null: not wanted
    std::unique_ptr<serve::seen::AccessLog> log;       // null: not wanted
    std::unique_ptr<serve::seen::Observer> observer;   // null where both are

    http::Observe observe() const { return observer ? observer->observe() : nullptr; }
};

// `node`: who observes, in the spans. INVALID_ARGUMENT names the option; the log's file is opened.
Result<Observing> make_observing(World& world, const Arguments& arguments, const std::string& node);

}  // namespace hf::cli
