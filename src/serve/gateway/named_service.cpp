#include "serve/gateway/named_service.h"

#include <optional>

#include "base/json.h"
#include "serve/gateway/route.h"

namespace hf::serve::gateway {
namespace {

constexpr std::string_view kMember = "model";

// Everything here answers false where the text ends too early or is no JSON.
class Scanner final {
public:
    explicit Scanner(std::string_view text) : text_(text) {}

    bool take(char wanted) {
        skip_spaces();
        if (at_ == text_.size() || text_[at_] != wanted) return false;
        ++at_;
        return true;
    }

    bool at_end() {
        skip_spaces();
        return at_ == text_.size();
    }

    // A string with its quotes.
    bool take_string(std::string_view& token) {
        skip_spaces();
        const std::size_t start = at_;
        if (!skip_string()) return false;
        token = text_.substr(start, at_ - start);
        return true;
    }

    // Any value; `token` is all of it.
    bool take_value(std::string_view& token) {
        skip_spaces();
        const std::size_t start = at_;
        if (at_ == text_.size()) return false;
        const char first = text_[at_];
        const bool read = first == '"'                   ? skip_string()
                          : first == '{' || first == '[' ? skip_nested()
                                                         : skip_word();
        token = text_.substr(start, at_ - start);
        return read;
    }

private:
    static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

    void skip_spaces() {
        while (at_ < text_.size() && is_space(text_[at_])) ++at_;
    }

    bool skip_string() {
        if (at_ == text_.size() || text_[at_] != '"') return false;
        for (++at_; at_ < text_.size(); ++at_) {
            if (text_[at_] == '"') return ++at_, true;
            if (text_[at_] == '\\' && ++at_ == text_.size()) return false;
        }
        return false;
    }

    bool skip_nested() {
        std::size_t depth = 0;
        while (at_ < text_.size()) {
            const char c = text_[at_];
            if (c == '"') {
                if (!skip_string()) return false;
                continue;
            }
            ++at_;
            if (c == '{' || c == '[') ++depth;
            if ((c == '}' || c == ']') && --depth == 0) return true;
        }
        return false;
    }

    bool skip_word() {
        constexpr std::string_view kEnds = ",:{}[]\" \t\r\n";
        const std::size_t start = at_;
        while (at_ < text_.size() && kEnds.find(text_[at_]) == std::string_view::npos) ++at_;
        return at_ > start;
    }

    const std::string_view text_;
    std::size_t at_ = 0;
};

// What the token of a string says; nullopt for any other.
std::optional<std::string> text_of(std::string_view token) {
    if (!token.starts_with('"')) return std::nullopt;
    const Result<json::Value> value = json::parse(token, token.size());
    if (!value.ok() || !value->is_string()) return std::nullopt;
    return std::string(json::as_view(value->get_string()));
}

bool is_member(std::string_view key) {
    if (key.find('\\') == std::string_view::npos) return key.substr(1, key.size() - 2) == kMember;
    return text_of(key) == kMember;
}

Status no_object() {
    return invalid_argument(
        R"(the body is not a JSON object; want {{"model": "SERVICE", "input": "TEXT"}})");
}

}  // namespace

Result<std::string> named_service(std::string_view json) {
    Scanner scanner(json);
    std::optional<std::string_view> found;
    if (!scanner.take('{')) return no_object();
    if (!scanner.take('}')) {
        do {
            std::string_view key;
            std::string_view value;
            if (!scanner.take_string(key) || !scanner.take(':') || !scanner.take_value(value)) {
                return no_object();
            }
            if (!is_member(key)) continue;
            if (found) return invalid_argument("/model: is there twice");
            found = value;
        } while (scanner.take(','));
        if (!scanner.take('}')) return no_object();
    }
    if (!scanner.at_end()) return no_object();
    if (!found) return invalid_argument("/model: is missing; want the name of a service");
    const std::optional<std::string> name = text_of(*found);
    if (!name) return invalid_argument("/model: want a text, the name of a service");
    if (name->size() > kNameBytesMax) {
        return invalid_argument("/model: has {} bytes; names of services have {} at most",
                                name->size(), kNameBytesMax);
    }
    return *name;
}

}  // namespace hf::serve::gateway
