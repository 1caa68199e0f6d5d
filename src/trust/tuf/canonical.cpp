#include "trust/tuf/canonical.h"

#include <algorithm>
#include <vector>

namespace hf::trust::tuf {
namespace {

void append_string(std::string_view text, std::string& out) {
    out += '"';
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    out += '"';
}

Status append(const json::Value& value, std::string& out);

Status append_object(const json::Object& object, std::string& out) {
    std::vector<std::string_view> names;
    for (const auto& member : object) names.emplace_back(member.key().data(), member.key().size());
    std::sort(names.begin(), names.end());
    out += '{';
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (i > 0) out += ',';
        append_string(names[i], out);
        out += ':';
        HF_TRY(append(*object.if_contains(names[i]), out));
    }
    out += '}';
    return {};
}

// As deep as json::parse lets values be.
Status append(const json::Value& value, std::string& out) {
    if (const json::Object* object = value.if_object()) return append_object(*object, out);
    if (const json::Array* array = value.if_array()) {
        out += '[';
        for (std::size_t i = 0; i < array->size(); ++i) {
            if (i > 0) out += ',';
            HF_TRY(append((*array)[i], out));
        }
        out += ']';
    } else if (const boost::json::string* text = value.if_string()) {
        append_string(json::as_view(*text), out);
    } else if (value.is_double()) {
        return invalid_argument("canonical JSON has no number that is not an integer");
    } else {
        out += json::write(value);
    }
    return {};
}

}  // namespace

Result<std::string> canonical_json(const json::Value& value) {
    std::string out;
    HF_TRY(append(value, out));
    return out;
}

}  // namespace hf::trust::tuf
