#include "api/yaml.h"

#include <map>
#include <sstream>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include "api/yaml_scalar.h"
#include "base/text.h"

namespace hf::api {
namespace {

using YAML::anchor_t;
using YAML::Mark;

// How the builder leaves yaml-cpp's parser, which knows no other way out.
struct Refusal {
    Status status;
};

[[noreturn]] void refuse(const Mark& mark, std::string_view what) {
    throw Refusal{
        invalid_argument("YAML: {} at line {} column {}", what, mark.line + 1, mark.column + 1)};
}

// Builds JSON values from the parser's events.
class Builder final : public YAML::EventHandler {
public:
    std::vector<json::Value> documents;

    void OnDocumentStart(const Mark& mark) override {
        if (documents.size() >= kMaxYamlDocuments) refuse(mark, "too many documents");
        root_ = json::Value();
        anchors_.clear();
    }
    void OnDocumentEnd() override { documents.push_back(std::move(root_)); }
    void OnNull(const Mark& mark, anchor_t anchor) override { add(mark, json::Value(), anchor); }
    void OnAlias(const Mark& mark, anchor_t anchor) override {
        const auto found = anchors_.find(anchor);
        if (found == anchors_.end()) refuse(mark, "an alias inside of what it names");
        json::Value copy = found->second;
        count(mark, copy, 0);
        place(mark, std::move(copy));
    }
    void OnScalar(const Mark& mark, const std::string& tag, anchor_t anchor,
                  const std::string& text) override {
        if (wants_key() && tag == "?" && text == "<<")
            refuse(mark, "merge keys (<<) are not read: write the members out");
        Result<json::Value> value = resolve_yaml_scalar(tag, text);
        if (!value.ok()) refuse(mark, value.status().message());
        if (wants_key() && !value->is_string()) value = json::Value(text);
        add(mark, std::move(*value), anchor);
    }
    void OnSequenceStart(const Mark& mark, const std::string&, anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        open(mark, json::Array(), anchor);
    }
    void OnSequenceEnd() override { close(); }
    void OnMapStart(const Mark& mark, const std::string&, anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        open(mark, json::Object(), anchor);
    }
    void OnMapEnd() override { close(); }

private:
    struct Level {
        Mark mark;
        json::Value value;
        anchor_t anchor = 0;
        std::string key;
        bool has_key = false;
    };

    bool wants_key() const {
        return !levels_.empty() && levels_.back().value.is_object() && !levels_.back().has_key;
    }

    void open(const Mark& mark, json::Value container, anchor_t anchor) {
        if (wants_key()) refuse(mark, "a key that is not a scalar");
        if (levels_.size() >= json::kMaxDepth) refuse(mark, "more nesting than is allowed");
        levels_.push_back({mark, std::move(container), anchor, {}, false});
    }

    void close() {
        Level level = std::move(levels_.back());
        levels_.pop_back();
        add(level.mark, std::move(level.value), level.anchor);
    }

    void add(const Mark& mark, json::Value value, anchor_t anchor) {
        count_one(mark, value);
        if (anchor != 0) anchors_[anchor] = value;
        place(mark, std::move(value));
    }

    void count_one(const Mark& mark, const json::Value& value) {
        if (++values_ > kMaxYamlValues) refuse(mark, "too many values, aliases counted");
        if (value.is_string()) text_bytes_ += value.get_string().size();
        if (text_bytes_ > kMaxYamlTextBytes) refuse(mark, "too much text, aliases counted");
    }

    // Counts what an alias stands for, so that aliases of aliases cannot multiply without end.
    void count(const Mark& mark, const json::Value& value, std::size_t depth) {
        count_one(mark, value);
        if (levels_.size() + depth > json::kMaxDepth) refuse(mark, "more nesting than is allowed");
        if (const json::Array* items = value.if_array()) {
            for (const json::Value& item : *items) count(mark, item, depth + 1);
        } else if (const json::Object* members = value.if_object()) {
            for (const auto& member : *members) count(mark, member.value(), depth + 1);
        }
    }

    void place(const Mark& mark, json::Value value) {
        if (levels_.empty()) {
            root_ = std::move(value);
            return;
        }
        Level& level = levels_.back();
        if (json::Array* items = level.value.if_array()) {
            items->push_back(std::move(value));
        } else if (!level.has_key) {
            set_key(mark, level, value);
        } else {
            level.value.get_object()[level.key] = std::move(value);
            level.has_key = false;
        }
    }

    void set_key(const Mark& mark, Level& level, const json::Value& value) {
        if (value.is_structured()) refuse(mark, "a key that is not a scalar");
        level.key = value.is_string() ? std::string(json::as_view(value.get_string())) : "null";
        level.has_key = true;
        if (level.value.get_object().contains(level.key)) {
            refuse(mark, fmt::format("duplicate key '{}'", level.key));
        }
    }

    json::Value root_;
    std::vector<Level> levels_;
    std::map<anchor_t, json::Value> anchors_;
    std::size_t values_ = 0;
    std::size_t text_bytes_ = 0;
};

}  // namespace

Result<std::vector<json::Value>> parse_yaml_documents(std::string_view text) {
    if (text.size() > kMaxYamlBytes) {
        return resource_exhausted("YAML text of {} bytes exceeds the limit of {} bytes",
                                  text.size(), kMaxYamlBytes);
    }
    if (!is_utf8(text)) return invalid_argument("YAML: the text is not UTF-8");
    Builder builder;
    try {
        std::istringstream stream{std::string(text)};
        YAML::Parser parser(stream);
        while (parser.HandleNextDocument(builder)) {
        }
    } catch (const Refusal& refusal) {
        return refusal.status;
    } catch (const YAML::Exception& error) {
        return invalid_argument("YAML: {} at line {} column {}", error.msg, error.mark.line + 1,
                                error.mark.column + 1);
    }
    std::erase_if(builder.documents, [](const json::Value& value) { return value.is_null(); });
    return std::move(builder.documents);
}

Result<json::Value> parse_yaml(std::string_view text) {
    std::vector<json::Value> documents = HF_TRY(parse_yaml_documents(text));
    if (documents.size() != 1)
        return invalid_argument("YAML: want one document, not {}", documents.size());
    return std::move(documents.front());
}

}  // namespace hf::api
