// The one command of the small runners: opens a plan, from a file or from behind the program's own
// end, and runs it once or many times. Errors come back; nothing is printed but results.
//
// Thread-safety: one thread.

#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"

namespace hf::runner {

struct Words {
    std::string plan;                 // a path; empty: the plan within the program
    std::vector<std::string> inputs;  // "NAME=SOURCE" or "SOURCE"
    std::string output;               // a folder, or "-"; empty: results are shown
    std::uint64_t runs = 0;           // 0: one run, and its outputs
    bool steps = false;
    bool help = false;
};

// `carries`: the program has a plan of its own, and no word names one. INVALID_ARGUMENT names the
// word.
Result<Words> parse_words(const std::vector<std::string>& words, bool carries);

std::string help_text(bool carries);

// `own`: the plan within the program, or nothing.
Status run(const Words& words, ByteView own);

}  // namespace hf::runner
