#include "testing/script.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>

#include <gtest/gtest.h>

#include "base/text.h"

namespace hf::testing {
namespace {

constexpr std::string_view kSeparator = "----";

struct Block {
    std::string leading;  // comments and empty lines in front
    std::string command_line;
    std::string input;
    std::string expected;
    bool doubled = false;  // the output is closed by a second pair of separators
    std::size_t line = 0;
};

std::vector<std::string> read_lines(const std::string& path) {
    std::vector<std::string> lines;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
}

class Parser {
public:
    explicit Parser(std::vector<std::string> lines) : lines_(std::move(lines)) {}

    std::optional<Block> next() {
        Block block;
        while (at_ < lines_.size() && (trim(lines_[at_]).empty() || lines_[at_][0] == '#')) {
            block.leading += lines_[at_++] + "\n";
        }
        trailing = block.leading;
        if (at_ == lines_.size()) return std::nullopt;
        block.line = at_ + 1;
        block.command_line = lines_[at_++];
        while (at_ < lines_.size() && lines_[at_] != kSeparator)
            block.input += lines_[at_++] + "\n";
        if (at_ < lines_.size()) ++at_;
        block.doubled = at_ < lines_.size() && lines_[at_] == kSeparator;
        if (block.doubled) ++at_;
        while (at_ < lines_.size() && !at_end_of_output(block.doubled)) {
            block.expected += lines_[at_++] + "\n";
        }
        if (block.doubled) at_ = std::min(at_ + 2, lines_.size());
        return block;
    }

    std::string trailing;

private:
    bool at_end_of_output(bool doubled) const {
        if (!doubled) return lines_[at_].empty();
        return lines_[at_] == kSeparator && at_ + 1 < lines_.size() &&
               lines_[at_ + 1] == kSeparator;
    }

    std::vector<std::string> lines_;
    std::size_t at_ = 0;
};

TextCommand to_command(const Block& block) {
    TextCommand command;
    for (std::string_view word : split(trim(block.command_line), ' ')) {
        if (word.empty()) continue;
        if (command.name.empty()) {
            command.name = word;
        } else {
            command.arguments.emplace_back(word);
        }
    }
    command.input = block.input;
    return command;
}

std::string render(const Block& block, const std::string& output) {
    const bool doubled = output.find("\n\n") != std::string::npos || output.starts_with("\n");
    std::string text = block.leading + block.command_line + "\n" + block.input;
    text += doubled ? "----\n----\n" : "----\n";
    text += output;
    if (doubled) text += "----\n----\n";
    return text;
}

}  // namespace

void run_text_test(std::string_view path, const TextHandler& handler) {
    const std::string full_path = source_dir() + "/" + std::string(path);
    std::vector<std::string> lines = read_lines(full_path);
    ASSERT_FALSE(lines.empty()) << full_path << " is missing or empty";
    const bool update = std::getenv("HF_UPDATE") != nullptr;
    std::string rewritten;
    Parser parser(std::move(lines));
    while (std::optional<Block> block = parser.next()) {
        std::string output = handler(to_command(*block));
        if (!output.empty() && output.back() != '\n') output += '\n';
        rewritten += render(*block, output);
        if (update) continue;
        EXPECT_EQ(output, block->expected)
            << full_path << ":" << block->line << ": " << block->command_line
            << "\n(HF_UPDATE=1 rewrites the file)";
    }
    if (update) std::ofstream(full_path) << rewritten << parser.trailing;
}

std::string source_dir() {
    const char* dir = std::getenv("HF_SOURCE_DIR");
    return dir ? dir : ".";
}

std::string data_dir() {
    const char* dir = std::getenv("HF_DATA");
    std::string path = dir ? dir : source_dir() + "/../shared/data";
    return std::ifstream(path + "/SOURCES.md").good() ? path : std::string();
}

unsigned long long seed() {
    static const unsigned long long value = [] {
        const char* text = std::getenv("HF_SEED");
        const unsigned long long chosen = text ? std::strtoull(text, nullptr, 10) : 20261124;
        std::printf("seed %llu (HF_SEED=%llu replays this run)\n", chosen, chosen);
        return chosen;
    }();
    return value;
}

}  // namespace hf::testing
