// What the printer and the parser of the text form agree on. Internal to graph/text*.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace hf::graph {

inline bool is_word_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '/' || c == '-';
}

std::string quoted(std::string_view text);
std::string word(std::string_view text);  // quoted only where it must be

inline std::int64_t default_opset(std::string_view domain) {
    return domain.empty() ? 17 : 0;
}

inline std::string default_node_name(std::string_view op, std::size_t index) {
    return fmt::format("{}_{}", op, index);
}

}  // namespace hf::graph
