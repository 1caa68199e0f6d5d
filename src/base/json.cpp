#include "base/json.h"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/serialize.hpp>

namespace hf::json {
namespace {

// Builds a Value by hand instead of through boost::json::parse, because that keeps the last of two
// equal keys silently and so lets two readers of one document see different things.
class Builder {
public:
    static constexpr std::size_t max_object_size = std::size_t(-1);
    static constexpr std::size_t max_array_size = std::size_t(-1);
    static constexpr std::size_t max_key_size = 1u << 20;
    static constexpr std::size_t max_string_size = std::size_t(-1);

    Value root;
    std::string duplicate;

    using ErrorCode = boost::json::error_code;
    using View = boost::json::string_view;

    bool on_document_begin(ErrorCode&) { return true; }
    bool on_document_end(ErrorCode&) { return true; }
    bool on_object_begin(ErrorCode&) { return open(Object()); }
    bool on_object_end(std::size_t, ErrorCode&) { return close(); }
    bool on_array_begin(ErrorCode&) { return open(Array()); }
    bool on_array_end(std::size_t, ErrorCode&) { return close(); }
    bool on_key_part(View part, std::size_t, ErrorCode&) { return append(part); }
    bool on_key(View part, std::size_t, ErrorCode& error) {
        append(part);
        keys_.back() = std::exchange(text_, {});
        if (stack_.back()->get_object().contains(keys_.back())) {
            duplicate = keys_.back();
            error = boost::json::make_error_code(boost::json::error::syntax);
            return false;
        }
        return true;
    }
    bool on_string_part(View part, std::size_t, ErrorCode&) { return append(part); }
    bool on_string(View part, std::size_t, ErrorCode&) {
        append(part);
        add(Value(boost::json::string(std::exchange(text_, {}))));
        return true;
    }
    bool on_number_part(View part, ErrorCode&) { return append(part); }
    bool on_int64(std::int64_t number, View, ErrorCode&) { return add_number(number); }
    bool on_uint64(std::uint64_t number, View, ErrorCode&) { return add_number(number); }
    // Boost.JSON 1.81 may be off by a unit in the last place; this is the nearest.
    bool on_double(double number, View part, ErrorCode&) {
        append(part);
        double nearest = 0;
        const char* const end = text_.data() + text_.size();
        const auto read = std::from_chars(text_.data(), end, nearest);
        return add_number(read.ec == std::errc() && read.ptr == end ? nearest : number);
    }
    bool on_bool(bool truth, ErrorCode&) { return add(Value(truth)), true; }
    bool on_null(ErrorCode&) { return add(Value(nullptr)), true; }
    bool on_comment_part(View, ErrorCode&) { return true; }
    bool on_comment(View, ErrorCode&) { return true; }

private:
    bool append(View part) {
        text_.append(part.data(), part.size());
        return true;
    }
    bool add_number(Value number) {
        text_.clear();
        add(std::move(number));
        return true;
    }
    Value* add(Value value) {
        if (stack_.empty()) return &(root = std::move(value));
        if (Array* array = stack_.back()->if_array()) {
            array->push_back(std::move(value));
            return &array->back();
        }
        Object& object = stack_.back()->get_object();
        return &object.emplace(keys_.back(), std::move(value)).first->value();
    }
    bool open(Value container) {
        // Only the innermost container grows while it is open, so the pointers stay good.
        stack_.push_back(add(std::move(container)));
        keys_.emplace_back();
        return true;
    }
    bool close() {
        stack_.pop_back();
        keys_.pop_back();
        return true;
    }

    std::vector<Value*> stack_;
    std::vector<std::string> keys_;
    std::string text_;
};

std::string position(std::string_view text, std::size_t offset) {
    const std::string_view before = text.substr(0, std::min(offset, text.size()));
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    const std::size_t line_start = before.rfind('\n');
    const std::size_t column =
        before.size() - (line_start == std::string_view::npos ? 0 : line_start + 1) + 1;
    return fmt::format("line {} column {}", line, column);
}

void write_canonical(const Value& value, std::string& out) {
    if (const Array* array = value.if_array()) {
        out += '[';
        for (std::size_t i = 0; i < array->size(); ++i) {
            if (i > 0) out += ',';
            write_canonical((*array)[i], out);
        }
        out += ']';
    } else if (const Object* object = value.if_object()) {
        std::vector<std::string_view> keys;
        for (const auto& member : *object) keys.emplace_back(member.key());
        std::sort(keys.begin(), keys.end());
        out += '{';
        for (std::size_t i = 0; i < keys.size(); ++i) {
            if (i > 0) out += ',';
            out += boost::json::serialize(boost::json::string(keys[i]));
            out += ':';
            write_canonical(*object->if_contains(keys[i]), out);
        }
        out += '}';
    } else {
        out += boost::json::serialize(value);
    }
}

template <typename Container, typename WriteMember>
void write_block(const Container& members, std::size_t indent, std::string& out,
                 WriteMember write_member) {
    bool first = true;
    for (const auto& member : members) {
        out += first ? "\n" : ",\n";
        first = false;
        out.append(indent + 2, ' ');
        write_member(member);
    }
    if (!first) {
        out += '\n';
        out.append(indent, ' ');
    }
}

void write_indented(const Value& value, std::size_t indent, std::string& out) {
    if (const Array* array = value.if_array()) {
        out += '[';
        write_block(*array, indent, out,
                    [&](const Value& item) { write_indented(item, indent + 2, out); });
        out += ']';
    } else if (const Object* object = value.if_object()) {
        out += '{';
        write_block(*object, indent, out, [&](const boost::json::key_value_pair& member) {
            out += boost::json::serialize(boost::json::string(member.key()));
            out += ": ";
            write_indented(member.value(), indent + 2, out);
        });
        out += '}';
    } else {
        out += boost::json::serialize(value);
    }
}

}  // namespace

Result<Value> parse(std::string_view text, std::size_t max_bytes) {
    if (text.size() > max_bytes) {
        return resource_exhausted("JSON text of {} bytes exceeds the limit of {} bytes",
                                  text.size(), max_bytes);
    }
    boost::json::parse_options options;
    options.max_depth = kMaxDepth;
    boost::json::basic_parser<Builder> parser(options);
    boost::json::error_code error;
    const std::size_t used = parser.write_some(false, text.data(), text.size(), error);
    if (!parser.handler().duplicate.empty()) {
        return invalid_argument("JSON: duplicate key '{}' at {}", parser.handler().duplicate,
                                position(text, used));
    }
    if (error) {
        return invalid_argument("JSON: {} at {}", error.message(), position(text, used));
    }
    const std::size_t rest = text.find_first_not_of(" \t\r\n", used);
    if (rest != std::string_view::npos) {
        return invalid_argument("JSON: extra text after the value at {}", position(text, rest));
    }
    return std::move(parser.handler().root);
}

std::string write(const Value& value) {
    return boost::json::serialize(value);
}

std::string write_pretty(const Value& value) {
    std::string out;
    write_indented(value, 0, out);
    out += '\n';
    return out;
}

std::string write_canonical(const Value& value) {
    std::string out;
    write_canonical(value, out);
    return out;
}

const Value* find(const Value& value, std::string_view key) {
    const Object* object = value.if_object();
    return object ? object->if_contains(key) : nullptr;
}

const Object* find_object(const Value& value, std::string_view key) {
    const Value* member = find(value, key);
    return member ? member->if_object() : nullptr;
}

const Array* find_array(const Value& value, std::string_view key) {
    const Value* member = find(value, key);
    return member ? member->if_array() : nullptr;
}

std::string_view get_string(const Value& value, std::string_view key, std::string_view fallback) {
    const Value* member = find(value, key);
    return member && member->if_string() ? as_view(*member->if_string()) : fallback;
}

std::int64_t get_int(const Value& value, std::string_view key, std::int64_t fallback) {
    const Value* member = find(value, key);
    return member && member->if_int64() ? *member->if_int64() : fallback;
}

bool get_bool(const Value& value, std::string_view key, bool fallback) {
    const Value* member = find(value, key);
    return member && member->if_bool() ? *member->if_bool() : fallback;
}

Result<std::string> need_string(const Value& value, std::string_view key) {
    const Value* member = find(value, key);
    if (!member || !member->if_string()) {
        return invalid_argument("field '{}' must be given, as a string", key);
    }
    return std::string(as_view(*member->if_string()));
}

Result<std::int64_t> need_int(const Value& value, std::string_view key) {
    const Value* member = find(value, key);
    if (!member || !member->if_int64()) {
        return invalid_argument("field '{}' must be given, as an integer", key);
    }
    return *member->if_int64();
}

const Value* find_path(const Value& value, std::initializer_list<std::string_view> keys) {
    const Value* at = &value;
    for (std::string_view key : keys) {
        at = find(*at, key);
        if (!at) return nullptr;
    }
    return at;
}

}  // namespace hf::json
