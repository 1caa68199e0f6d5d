// Apart from text.cpp: the standard library's reading of reals brings its locales along, which
// programs without reals in their text leave out.

#include <charconv>

#include "base/text.h"

namespace hf {

Result<double> parse_double(std::string_view text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || text.empty()) {
        return invalid_argument("'{}' is not a number", text.substr(0, 40));
    }
    return value;
}

}  // namespace hf
