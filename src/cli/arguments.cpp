#include <algorithm>
#include <functional>
#include <memory>
#include <optional>

#include <CLI/CLI.hpp>

#include "base/text.h"
#include "cli/command.h"

namespace hf::cli {
namespace {

std::string long_name(const std::string& option) {
    return option.substr(option.rfind("--") + 2);
}

std::string indent(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) text += "  " + line + "\n";
    return text;
}

std::string usage(const Command& command) {
    std::string words;
    for (const Positional& positional : command.positionals) {
        const std::string word = positional.name + (positional.many ? "..." : "");
        words += positional.required ? " " + word : " [" + word + "]";
    }
    return fmt::format("Usage: holdfast {}{}{}\n\n{}\n", command.name, words,
                       command.options.empty() ? "" : " [OPTIONS]", command.summary);
}

std::string help(const Command& command) {
    std::string text = usage(command);
    std::vector<std::string> lines;
    for (const Positional& positional : command.positionals) {
        lines.push_back(fmt::format("{:26} {}", positional.name, positional.help));
    }
    if (!lines.empty()) text += "\nArguments:\n" + indent(lines);
    lines.clear();
    for (const Option& option : command.options) {
        std::string left = option.name + (option.value.empty() ? "" : " " + option.value);
        std::string right = option.help;
        if (!option.fallback.empty()) right += fmt::format(" (default: {})", option.fallback);
        if (option.many) right += "; may be repeated";
        lines.push_back(fmt::format("{:26} {}", left, right));
    }
    if (!lines.empty()) text += "\nOptions:\n" + indent(lines);
    if (!command.examples.empty()) text += "\nExamples:\n" + indent(command.examples);
    return text;
}

std::string overview(const std::vector<Command>& commands) {
    std::string text =
        "holdfast: takes a trained model to every machine its owner has, and accounts for every "
        "prediction.\n\nUsage: holdfast COMMAND [ARGUMENTS]\n\nCommands:\n";
    for (const Command& command : commands) {
        text += fmt::format("  {:18} {}\n", command.name, command.summary);
    }
    return text + "\n`holdfast COMMAND --help` shows the options and examples of one.\n";
}

// How many of the words the command's name takes; 0 when it does not match.
std::size_t words_matched(const Command& command, const std::vector<std::string>& words) {
    const std::vector<std::string_view> parts = split(command.name, ' ');
    if (words.size() < parts.size()) return 0;
    return std::equal(parts.begin(), parts.end(), words.begin()) ? parts.size() : 0;
}

Status unknown_command(const std::vector<std::string>& words,
                       const std::vector<Command>& commands) {
    std::vector<std::string> names;
    std::vector<std::string> continuations;
    for (const Command& command : commands) {
        names.push_back(command.name);
        if (command.name.starts_with(words[0] + " ")) continuations.push_back(command.name);
    }
    if (!continuations.empty()) {
        return invalid_argument("'{}' needs a second word: {}", words[0],
                                join(continuations, ", "));
    }
    const std::string near = nearest(words[0], names);
    return invalid_argument("unknown command '{}'{}; `holdfast help` lists all", words[0],
                            near.empty() ? "" : fmt::format(", did you mean '{}'?", near));
}

// Parses with CLI11; its exceptions stay here. True in `wants_help` when --help was among the
// words.
Result<Arguments> parse(const Command& command, std::vector<std::string> words, bool& wants_help) {
    CLI::App app(command.summary);
    app.set_help_flag();
    app.add_flag("-h,--help", wants_help);
    Arguments arguments;
    for (const Option& option : command.options) {
        const std::string key = long_name(option.name);
        if (!option.fallback.empty()) arguments.fallbacks[key] = option.fallback;
        if (option.value.empty()) {
            app.add_flag_function(
                option.name, [&arguments, key](std::int64_t) { arguments.given[key] = {"true"}; });
        } else {
            CLI::Option* added = app.add_option_function<std::vector<std::string>>(
                option.name, [&arguments, key](const std::vector<std::string>& values) {
                    arguments.given[key] = values;
                });
            added->expected(1)->take_all()->allow_extra_args(false);
        }
    }
    std::vector<std::string> loose;
    app.add_option("arguments", loose);
    std::reverse(words.begin(), words.end());
    try {
        app.parse(words);
    } catch (const CLI::ParseError& error) {
        if (wants_help) return arguments;
        return invalid_argument("{}; see `holdfast {} --help`", error.what(), command.name);
    }
    for (const Positional& positional : command.positionals) {
        const std::size_t count =
            positional.many ? loose.size() : std::min<std::size_t>(1, loose.size());
        for (std::size_t i = 0; i < count; ++i)
            arguments.given[positional.name].push_back(loose[i]);
        loose.erase(loose.begin(), loose.begin() + static_cast<std::ptrdiff_t>(count));
    }
    if (!loose.empty()) arguments.given["(extra)"] = loose;
    return arguments;
}

Status check_given(const Command& command, const Arguments& arguments) {
    if (arguments.has("(extra)")) {
        return invalid_argument("unexpected argument '{}'; see `holdfast {} --help`",
                                arguments.get("(extra)"), command.name);
    }
    for (const Positional& positional : command.positionals) {
        if (positional.required && !arguments.has(positional.name)) {
            return invalid_argument("{} is missing; see `holdfast {} --help`", positional.name,
                                    command.name);
        }
    }
    for (const Option& option : command.options) {
        const std::string key = long_name(option.name);
        if (option.required && !arguments.has(key)) {
            return invalid_argument("{} is missing; see `holdfast {} --help`", option.name,
                                    command.name);
        }
        if (!option.many && arguments.all(key).size() > 1) {
            return invalid_argument("{} is given more than once", option.name);
        }
    }
    return {};
}

int fail(World& world, const Status& status, int exit_status) {
    world.note(fmt::format("holdfast: {}\n", status.message()));
    return exit_status;
}

}  // namespace

std::string Arguments::get(const std::string& name) const {
    if (const auto found = given.find(name); found != given.end() && !found->second.empty()) {
        return found->second.front();
    }
    const auto fallback = fallbacks.find(name);
    return fallback == fallbacks.end() ? std::string() : fallback->second;
}

const std::vector<std::string>& Arguments::all(const std::string& name) const {
    static const std::vector<std::string> none;
    const auto found = given.find(name);
    return found == given.end() ? none : found->second;
}

bool Arguments::has(const std::string& name) const {
    return !all(name).empty();
}

Result<std::int64_t> Arguments::integer(const std::string& name, std::int64_t least,
                                        std::int64_t most) const {
    const std::int64_t value = HF_TRY(parse_int(get(name)).context("--{}", name));
    if (value < least || value > most) {
        return invalid_argument("--{}: {} is outside {} to {}", name, value, least, most);
    }
    return value;
}

int run_command_line(World& world, const std::vector<std::string>& words,
                     const std::vector<Command>& commands) {
    if (words.empty() || words[0] == "help" || words[0] == "--help" || words[0] == "-h") {
        for (const Command& command : commands) {
            const std::vector<std::string> rest(words.begin() + (words.empty() ? 0 : 1),
                                                words.end());
            if (words_matched(command, rest) > 0) return world.out(help(command)), 0;
        }
        world.out(overview(commands));
        return 0;
    }
    for (const Command& command : commands) {
        const std::size_t matched = words_matched(command, words);
        if (matched == 0) continue;
        bool wants_help = false;
        Result<Arguments> arguments =
            parse(command, {words.begin() + static_cast<std::ptrdiff_t>(matched), words.end()},
                  wants_help);
        if (wants_help) return world.out(help(command)), 0;
        if (!arguments.ok()) return fail(world, arguments.status(), 2);
        if (Status status = check_given(command, *arguments); !status.ok()) {
            return fail(world, status, 2);
        }
        const Status status = command.run(world, *arguments);
        if (status.ok()) return 0;
        return fail(world, status, status.code() == command.verdict ? 3 : 1);
    }
    return fail(world, unknown_command(words, commands), 2);
}

}  // namespace hf::cli
