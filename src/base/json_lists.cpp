#include "base/json_lists.h"

namespace hf::json {

const Array& items_of(const Value& value, std::string_view key) {
    static const Array kNone;
    const Array* found = find_array(value, key);
    return found ? *found : kNone;
}

std::vector<std::string> strings_of(const Value& value, std::string_view key) {
    std::vector<std::string> strings;
    for (const Value& item : items_of(value, key)) {
        if (item.is_string()) strings.emplace_back(as_view(item.get_string()));
    }
    return strings;
}

}  // namespace hf::json
