// SequenceMark: what a request says of the sequence that it belongs to, by the parameters
// sequence_id, sequence_start and sequence_end of the sequence extension. A value.

#pragma once

#include <string>
#include <string_view>

namespace hf::serve {

inline constexpr std::string_view kSequenceId = "sequence_id";
inline constexpr std::string_view kSequenceStart = "sequence_start";
inline constexpr std::string_view kSequenceEnd = "sequence_end";

struct SequenceMark {
    std::string id = {};  // a number in decimal, or a text; empty: of none
    bool start = false;
    bool end = false;
};

}  // namespace hf::serve
