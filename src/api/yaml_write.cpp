#include "api/yaml.h"
#include "api/yaml_scalar.h"

namespace hf::api {
namespace {

void write_value(const json::Value& value, std::size_t indent, std::string& out);

std::string quoted(std::string_view text) {
    return json::write(json::Value(text));
}

std::string key_text(std::string_view key) {
    return is_plain_yaml_text(key) ? std::string(key) : quoted(key);
}

// Text of several lines, each ended, without characters that a literal block cannot hold.
bool is_block_text(std::string_view text) {
    if (text.size() < 2 || text.back() != '\n' || text.ends_with("\n\n")) return false;
    if (text.front() == ' ' || text.front() == '\n') return false;
    for (char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if ((byte < 0x20 && c != '\n') || byte >= 0x7F) return false;
    }
    return true;
}

void write_block_text(std::string_view text, std::size_t indent, std::string& out) {
    out += "|\n";
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        if (end > 0) out.append(indent, ' ');
        out.append(text.substr(0, end + 1));
        text.remove_prefix(end + 1);
    }
}

void write_members(const json::Object& members, std::size_t indent, std::string& out) {
    bool first = true;
    for (const auto& member : members) {
        if (!first) out.append(indent, ' ');
        first = false;
        out += key_text(member.key()) + ":";
        const json::Value& value = member.value();
        const json::Array* items = value.if_array();
        const json::Object* object = value.if_object();
        if (items && !items->empty()) {
            // A list in a mapping is written at the mapping's own indentation, as kubectl does.
            out += "\n";
            out.append(indent, ' ');
            write_value(value, indent, out);
        } else if (object && !object->empty()) {
            out += "\n";
            out.append(indent + 2, ' ');
            write_value(value, indent + 2, out);
        } else {
            out += " ";
            write_value(value, indent + 2, out);
        }
    }
}

void write_items(const json::Array& items, std::size_t indent, std::string& out) {
    bool first = true;
    for (const json::Value& item : items) {
        if (!first) out.append(indent, ' ');
        first = false;
        out += "- ";
        write_value(item, indent + 2, out);
    }
}

// Writes the value with its final newline; the cursor stands at column `indent` already.
void write_value(const json::Value& value, std::size_t indent, std::string& out) {
    const json::Object* object = value.if_object();
    const json::Array* items = value.if_array();
    if (object && !object->empty()) return write_members(*object, indent, out);
    if (items && !items->empty()) return write_items(*items, indent, out);
    if (!value.is_string()) {
        out += json::write(value) + "\n";
        return;
    }
    const std::string_view text = json::as_view(value.get_string());
    if (is_block_text(text)) return write_block_text(text, indent, out);
    out += (is_plain_yaml_text(text) ? std::string(text) : quoted(text)) + "\n";
}

}  // namespace

std::string write_yaml(const json::Value& value) {
    std::string out;
    write_value(value, 0, out);
    return out;
}

}  // namespace hf::api
