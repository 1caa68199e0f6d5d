// Data-driven tests: a text file of commands and expected outputs, as in
//
//     # a comment
//     parse-duration
//     1.5s
//     ----
//     1500000000
//
// Each block is a command line, any number of input lines, "----", and the output up to an empty
// line (or
// "----" doubled when the output itself has empty lines). run_text_test() calls the handler for
// each block and compares. With HF_UPDATE=1 it rewrites the file with what came out; read the diff.
//
// Used by tests only. Not thread-safe.

#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace hf::testing {

struct TextCommand {
    std::string name;                    // the first word of the command line
    std::vector<std::string> arguments;  // the other words
    std::string input;                   // the lines up to "----", each with its newline
};

using TextHandler = std::function<std::string(const TextCommand& command)>;

// `path` is relative to the source folder: "src/base/testdata/time.txt". Failures are reported
// through GoogleTest with file and line.
void run_text_test(std::string_view path, const TextHandler& handler);

// The folder of the checkout, from HF_SOURCE_DIR (set by ctest), else the working directory.
std::string source_dir();

// The folder of real models and data, from HF_DATA; empty when it is missing. Tests that need it:
//     if (testing::data_dir().empty()) GTEST_SKIP() << testing::kNoData;
std::string data_dir();
inline constexpr std::string_view kNoData =
    "needs the folder of models and data: set HF_DATA, or place it at ../shared/data";

// The seed of this run: HF_SEED, else a fixed default. Prints it once so that a failure can be
// replayed.
unsigned long long seed();

}  // namespace hf::testing
