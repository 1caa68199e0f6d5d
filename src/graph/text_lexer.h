// The cursor of the text form: white space and comments are skipped. Errors say what was wanted and
// what came; the parser adds the line.
// Internal to graph/text*.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace hf::graph {

class Lexer final {
public:
    explicit Lexer(std::string_view text) : text_(text) {}

    bool at_end();
    char peek();                         // the next character that counts; 0 at the end
    bool accept(std::string_view mark);  // takes `mark` when it is next

    // Takes `keyword` when it is next as a whole word.
    bool accept_word(std::string_view keyword);

    Status expect(std::string_view mark);

    Result<std::string> word();    // letters, digits and "_./-", or quoted
    Result<std::string> string();  // quoted
    Result<std::int64_t> integer();
    Result<std::string_view> number();          // the characters of an integer or float, inf or nan
    Result<std::string_view> until(char mark);  // the text before `mark`, which is taken

    // INVALID_ARGUMENT: "want X, got 'Y'".
    Status error(std::string_view want);

    std::size_t line();  // of the next character that counts, from 1

private:
    void skip_space();

    std::string_view text_;
    std::size_t at_ = 0;
    std::size_t counted_ = 0;  // line_ is right for this position
    std::size_t line_ = 1;
};

}  // namespace hf::graph
