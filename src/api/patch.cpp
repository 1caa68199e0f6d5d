#include "api/patch.h"

#include <algorithm>
#include <vector>

#include "base/text.h"

namespace hf::api {
namespace {

// The reference tokens of a JSON pointer, unescaped.
Result<std::vector<std::string>> parse_pointer(std::string_view pointer) {
    std::vector<std::string> tokens;
    if (pointer.empty()) return tokens;
    if (pointer[0] != '/') return invalid_argument("path '{}' must begin with '/'", pointer);
    for (std::string_view part : split(pointer.substr(1), '/')) {
        std::string token;
        for (std::size_t i = 0; i < part.size(); ++i) {
            if (part[i] != '~') {
                token += part[i];
                continue;
            }
            const char escaped = ++i < part.size() ? part[i] : ' ';
            if (escaped != '0' && escaped != '1')
                return invalid_argument("path '{}' has '~' without 0 or 1 after it", pointer);
            token += escaped == '0' ? '~' : '/';
        }
        tokens.push_back(std::move(token));
    }
    if (tokens.size() > json::kMaxDepth)
        return invalid_argument("path has more than {} parts", json::kMaxDepth);
    return tokens;
}

// An array index: digits without leading zeros, below `end`.
Result<std::size_t> parse_index(const std::string& token, std::size_t end) {
    const Result<std::int64_t> number = parse_int(token);
    const bool canonical = number.ok() && *number >= 0 && std::to_string(*number) == token;
    if (!canonical) return invalid_argument("'{}' is not an index into a list", token);
    if (static_cast<std::size_t>(*number) >= end)
        return failed_precondition("index {} is outside of the list of {}", token, end);
    return static_cast<std::size_t>(*number);
}

Result<json::Value*> child(json::Value& parent, const std::string& token) {
    if (json::Object* object = parent.if_object()) {
        if (json::Value* found = object->if_contains(token)) return found;
        return failed_precondition("there is no '{}'", token);
    }
    if (json::Array* array = parent.if_array())
        return &(*array)[HF_TRY(parse_index(token, array->size()))];
    return failed_precondition("'{}' looks into a value without members", token);
}

using Tokens = std::vector<std::string>;

Result<json::Value*> walk(json::Value& root, const Tokens& tokens, std::size_t count) {
    json::Value* at = &root;
    for (std::size_t i = 0; i < count; ++i) at = HF_TRY(child(*at, tokens[i]));
    return at;
}

Status add(json::Value& root, const Tokens& path, json::Value value) {
    if (path.empty()) {
        root = std::move(value);
        return {};
    }
    json::Value* parent = HF_TRY(walk(root, path, path.size() - 1));
    if (json::Object* object = parent->if_object()) {
        (*object)[path.back()] = std::move(value);
        return {};
    }
    json::Array* array = parent->if_array();
    if (!array) return failed_precondition("'{}' adds to a value without members", path.back());
    const std::size_t at =
        path.back() == "-" ? array->size() : HF_TRY(parse_index(path.back(), array->size() + 1));
    array->insert(array->begin() + static_cast<std::ptrdiff_t>(at), std::move(value));
    return {};
}

Result<json::Value> take(json::Value& root, const Tokens& path) {
    if (path.empty()) return std::exchange(root, json::Value());
    json::Value* parent = HF_TRY(walk(root, path, path.size() - 1));
    json::Value* found = HF_TRY(child(*parent, path.back()));
    json::Value taken = std::move(*found);
    if (json::Object* object = parent->if_object()) {
        object->erase(path.back());
    } else {
        json::Array& array = parent->get_array();
        array.erase(array.begin() + (found - array.data()));
    }
    return taken;
}

// Applies one patch, operation by operation, to its own copy of the value.
class Patcher final {
public:
    explicit Patcher(json::Value value) : value_(std::move(value)) {}

    json::Value result() && { return std::move(value_); }

    Status apply(const json::Value& operation) {
        const std::string op = HF_TRY(json::need_string(operation, "op"));
        const Tokens path = HF_TRY(pointer(operation, "path"));
        if (op == "remove") return take(value_, path).status();
        if (op == "move" || op == "copy") return move_or_copy(op, operation, path);
        const json::Value* value = json::find(operation, "value");
        const bool takes_value = op == "add" || op == "replace" || op == "test";
        if (!takes_value) {
            return invalid_argument("op '{}' is not one of add, remove, replace, move, copy, test",
                                    op.substr(0, 40));
        }
        if (!value) return invalid_argument("op '{}' needs a 'value'", op);
        if (op == "add") return add(value_, path, *value);
        json::Value* found = HF_TRY(walk(value_, path, path.size()));
        if (op == "replace") {
            *found = *value;
            return {};
        }
        if (*found == *value) return {};
        return failed_precondition("the test of '{}' failed: the value there is another",
                                   json::get_string(operation, "path"));
    }

private:
    static Result<Tokens> pointer(const json::Value& operation, std::string_view key) {
        return parse_pointer(HF_TRY(json::need_string(operation, key)));
    }

    Status move_or_copy(std::string_view op, const json::Value& operation, const Tokens& path) {
        const Tokens from = HF_TRY(pointer(operation, "from"));
        if (op == "move") {
            const bool inside =
                path.size() > from.size() && std::equal(from.begin(), from.end(), path.begin());
            if (inside) return invalid_argument("a value cannot be moved into itself");
            return add(value_, path, HF_TRY(take(value_, from)));
        }
        json::Value copied = *HF_TRY(walk(value_, from, from.size()));
        copied_bytes_ += json::write(copied).size();
        if (copied_bytes_ > kMaxPatchedBytes)
            return resource_exhausted("the patch copies more than {} bytes", kMaxPatchedBytes);
        return add(value_, path, std::move(copied));
    }

    json::Value value_;
    std::size_t copied_bytes_ = 0;
};

}  // namespace

void merge_patch(json::Value& target, const json::Value& patch) {
    const json::Object* changes = patch.if_object();
    if (!changes) {
        target = patch;
        return;
    }
    if (!target.is_object()) target = json::Object();
    json::Object& object = target.get_object();
    for (const auto& change : *changes) {
        if (change.value().is_null()) {
            object.erase(change.key());
        } else {
            merge_patch(object[change.key()], change.value());
        }
    }
}

Status json_patch(json::Value& target, const json::Value& patch) {
    const json::Array* operations = patch.if_array();
    if (!operations) return invalid_argument("a JSON patch is a list of operations");
    if (operations->size() > kMaxPatchOperations) {
        return invalid_argument("the patch has {} operations, more than {}", operations->size(),
                                kMaxPatchOperations);
    }
    Patcher patcher(target);
    for (std::size_t i = 0; i < operations->size(); ++i) {
        HF_TRY(patcher.apply((*operations)[i]).context("operation {} of the patch", i));
    }
    target = std::move(patcher).result();
    return {};
}

}  // namespace hf::api
