#include <algorithm>

#include "serve/conform/asks.h"
#include "serve/conform/cases.h"
#include "serve/conform/judges.h"
#include "serve/conform/sources.h"

namespace hf::serve::conform {
namespace {

// The members of the request and of its inputs in the opposite order.
Edit reverse_members() {
    return [](const Subject&, Draft& draft) -> Status {
        const auto reversed = [](const json::Object& object) {
            json::Object other;
            for (std::size_t i = object.size(); i-- > 0;) {
                const auto& member = object.begin()[i];
                other[member.key()] = member.value();
            }
            return other;
        };
        draft.object["id"] = "first";
        for (json::Value& input : draft.object["inputs"].as_array()) {
            input = reversed(input.as_object());
        }
        draft.object = reversed(draft.object);
        return {};
    };
}

std::string replaced(std::string text, std::string_view old, std::string_view with) {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t found = std::min(text.find(old, at), text.size());
        out += text.substr(at, found - at);
        if (found < text.size()) out += with;
        at = found + old.size();
    }
    return out;
}

// Blanks of all four sorts around every comma and bracket. Not inside of strings: names of tensors
// might have commas.
std::string blanks_between(const std::string& json) {
    std::string out;
    bool in_text = false;
    for (std::size_t i = 0; i < json.size(); ++i) {
        if (json[i] == '"' && (i == 0 || json[i - 1] != '\\')) in_text = !in_text;
        out += json[i];
        const bool mark = json[i] == ',' || json[i] == '{' || json[i] == '[' || json[i] == ':';
        if (!in_text && mark) out += " \t\r\n ";
    }
    return " \n" + out + "\r\n ";
}

std::string escaped_names(const std::string& json) {
    const std::string inputs = replaced(json, "\"inputs\":", R"("\u0069np\u0075ts":)");
    return replaced(inputs, "\"shape\":", R"("sh\u0061pe":)");
}

std::string twice_named(const std::string& json) {
    return R"({"id":"a","id":"b",)" + json.substr(1);
}

std::string deep(std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
}

}  // namespace

std::vector<Case> json_cases() {
    return {
        {"blanks", "blanks between tokens mean nothing", source::kJson,
         infer_rewritten(blanks_between), infers()},
        {"member_order", "the order of members means nothing", source::kJsonOrder,
         infer(reverse_members()), infers()},
        {"escaped_names", "a name with escapes is the same name", source::kJsonEscape,
         infer_rewritten(escaped_names), infers()},
        {"unknown_member", "a member nobody defined is ignored, or refused", source::kInferRequest,
         infer(set("not_defined_anywhere", json::Object{{"a", 1}})), either()},
        {"unknown_member_of_input", "so is one of an input", source::kRequestInput,
         infer(set_input("not_defined_anywhere", 1)), either()},
        {"same_name_twice", "a name twice is answered or refused", source::kJsonNames,
         infer_rewritten(twice_named), either()},
        {"byte_order_mark", "a byte order mark is ignored, or refused", source::kJsonUtf8,
         infer_rewritten([](const std::string& json) { return "\xef\xbb\xbf" + json; }), either()},
        {"id_bad_utf8", "text that is no UTF-8 is an error, or passed on", source::kJsonUtf8,
         infer_rewritten(
             [](const std::string& json) { return "{\"id\":\"\xff\xfe\"," + json.substr(1); }),
         status_from(200, 599)},
        {"deep", "10,000 arrays in each other are answered, and the server lives",
         source::kJsonParser, then_live(infer_text(deep(10000))), and_lives(refuses())},
        {"deep_member", "as the value of a member, too", source::kJsonParser,
         then_live(infer_rewritten([](const std::string& json) {
             return R"({"deep":)" + deep(10000) + "," + json.substr(1);
         })),
         and_lives(either())},
        {"many_members", "10,000 members are answered, or refused", source::kJsonParser,
         then_live(infer_rewritten([](const std::string& json) {
             std::string text = "{";
             for (int i = 0; i < 10000; ++i) text += fmt::format("\"m{}\":0,", i);
             return text + json.substr(1);
         })),
         and_lives(either())},
        {"large_text", "a string of 1 MiB is answered, or refused", source::kJsonParser,
         then_live(infer(set("id", json::Value(std::string(1U << 20, 'x'))))), and_lives(either())},
    };
}

}  // namespace hf::serve::conform
