// A command of `holdfast`: its words, options and examples as data, and the function that runs it.
// The table of all commands is commands.cpp; parsing and help are arguments.cpp (over CLI11).

#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "cli/world.h"

namespace hf::cli {

struct Positional {
    std::string name;
    std::string help;
    bool required = true;
    bool many = false;  // takes all that are left; only the last may
};

struct Option {
    std::string name;  // "--device", or "-o,--output"
    std::string help;
    std::string value;  // what stands for the value in help: "FILE"; empty: a flag without a value
    std::string fallback = {};
    bool many = false;
    bool required = false;
};

// What the user gave, by the long name of the option without dashes, or the positional's name.
class Arguments final {
public:
    std::string get(const std::string& name) const;  // the value or fallback; "" when neither
    const std::vector<std::string>& all(const std::string& name) const;
    bool has(const std::string& name) const;  // given, or a flag that is set
    bool flag(const std::string& name) const { return has(name); }

    // The value as an integer within [least, most]. INVALID_ARGUMENT names the option.
    Result<std::int64_t> integer(const std::string& name, std::int64_t least,
                                 std::int64_t most) const;

    std::map<std::string, std::vector<std::string>> given;
    std::map<std::string, std::string> fallbacks;
};

struct Command {
    std::string name;  // "run", or two words "receipt verify"
    std::string summary;
    std::vector<Positional> positionals;
    std::vector<Option> options;
    std::vector<std::string> examples;

    // Writes its result to world.out. An error is printed by the caller, with exit status 1.
    Status (*run)(World& world, const Arguments& arguments);

    // An error of this code says that what was judged did not pass: exit status 3. OK: none does.
    Code verdict = Code::kOk;
};

// Every command, in the order of the help text.
const std::vector<Command>& all_commands();

// Parses `words` (without the program's name), runs the command, and gives the exit status: 0 done,
// 1 the command failed, 2 the words were wrong, 3 what it judged did not pass.
int run_command_line(World& world, const std::vector<std::string>& words,
                     const std::vector<Command>& commands);

}  // namespace hf::cli
