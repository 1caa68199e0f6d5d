#include "serve/ensemble/declaration.h"

#include <algorithm>

#include "base/text.h"
#include "serve/signature_check.h"
#include "serve/tasks/fields.h"

namespace hf::serve::ensemble {
namespace {

using tasks::Fields;

Result<std::string> read_name(const json::Value& value, const std::string& place) {
    if (!value.is_string()) return invalid_argument("{}: want a string", place);
    std::string name(json::as_view(value.get_string()));
    if (name.empty() || name.size() > kNameBytesMax) {
        return invalid_argument("{}: want a name of 1 to {} bytes", place, kNameBytesMax);
    }
    return name;
}

Result<std::string> read_name(const Fields& fields, std::string_view key) {
    const json::Value* const value = fields.object().if_contains(key);
    if (!value) return invalid_argument("{}: is missing", fields.place(key));
    return read_name(*value, fields.place(key));
}

// A key as a part of a JSON pointer (RFC 6901).
std::string pointed(std::string_view key) {
    std::string escaped;
    for (const char c : key) {
        if (c == '~') {
            escaped += "~0";
        } else if (c == '/') {
            escaped += "~1";
        } else {
            escaped += c;
        }
    }
    return escaped;
}

Status check_count(std::size_t count, std::size_t most, const std::string& place) {
    if (count >= 1 && count <= most) return {};
    if (count == 0) return invalid_argument("{}: is empty; want one at least", place);
    return resource_exhausted("{}: has {}; the limit is {}", place, count, most);
}

// The members of an object of names, in the order in which they are written.
struct Member {
    std::string name;
    std::string place;
    const json::Value* value = nullptr;
};

Result<std::vector<Member>> read_members(const Fields& fields, std::string_view key) {
    const std::string place = fields.place(key);
    const json::Value* const value = fields.object().if_contains(key);
    if (!value) return invalid_argument("{}: is missing", place);
    if (!value->is_object()) return invalid_argument("{}: want an object", place);
    const json::Object& object = value->get_object();
    HF_TRY(check_count(object.size(), kPortsMax, place));
    std::vector<Member> members;
    for (const auto& [name, each] : object) {
        Member member{std::string(name.data(), name.size()), {}, &each};
        member.place = place + "/" + pointed(member.name);
        if (member.name.empty() || member.name.size() > kNameBytesMax) {
            return invalid_argument("{}: want names of 1 to {} bytes", place, kNameBytesMax);
        }
        members.push_back(std::move(member));
    }
    return members;
}

Result<Source> read_source(const Member& member) {
    Source source{{}, member.place};
    if (!member.value->is_array()) {
        source.values.push_back(HF_TRY(read_name(*member.value, member.place)));
        return source;
    }
    const json::Array& list = member.value->get_array();
    HF_TRY(check_count(list.size(), kAlternativesMax, member.place));
    for (std::size_t i = 0; i < list.size(); ++i) {
        const std::string place = fmt::format("{}/{}", member.place, i);
        std::string name = HF_TRY(read_name(list[i], place));
        if (std::find(source.values.begin(), source.values.end(), name) != source.values.end()) {
            return invalid_argument("{}: '{}' is there twice", place, name);
        }
        source.values.push_back(std::move(name));
    }
    return source;
}

Result<Shape> read_open_shape(const json::Value& value, const std::string& place) {
    if (!value.is_array()) return invalid_argument("{}: want an array of extents", place);
    const json::Array& list = value.get_array();
    if (list.size() > Shape::kMaxRank) {
        return invalid_argument("{}: has {} extents; the limit is {}", place, list.size(),
                                Shape::kMaxRank);
    }
    std::vector<std::int64_t> extents;
    for (std::size_t i = 0; i < list.size(); ++i) {
        const std::int64_t extent = list[i].is_int64() ? list[i].get_int64() : -2;
        if (extent < Shape::kUnknown || extent > Shape::kMaxElements) {
            return invalid_argument("{}/{}: want -1, which is any, or an integer 0 to {}", place, i,
                                    Shape::kMaxElements);
        }
        extents.push_back(extent);
    }
    Shape shape(std::move(extents));
    Shape least = shape;
    for (std::size_t i = 0; i < least.rank(); ++i) {
        if (least[i] == Shape::kUnknown) least[i] = 1;
    }
    HF_TRY(least.check().context("{}", place));
    return shape;
}

Result<Input> read_input(const json::Value& value, const std::string& place) {
    Input input;
    if (value.is_string()) {
        input.name = HF_TRY(read_name(value, place));
        return input;
    }
    const Fields fields = HF_TRY(Fields::of(value, place));
    HF_TRY(fields.only({"name", "datatype", "shape"}));
    input.name = HF_TRY(read_name(fields, "name"));
    if (fields.has("datatype")) {
        const std::string datatype = HF_TRY(fields.text("datatype", ""));
        input.dtype = HF_TRY(read_datatype(datatype).context("{}", place));
    }
    if (const json::Value* const shape = fields.object().if_contains("shape")) {
        input.shape = HF_TRY(read_open_shape(*shape, fields.place("shape")));
    }
    return input;
}

Result<std::vector<Input>> read_inputs(const Fields& fields) {
    const json::Value* const value = fields.object().if_contains("inputs");
    if (!value || !value->is_array()) {
        return invalid_argument(
            "/inputs: want an array of names, or of objects with name, datatype and shape");
    }
    const json::Array& list = value->get_array();
    HF_TRY(check_count(list.size(), kPortsMax, "/inputs"));
    std::vector<Input> inputs;
    for (std::size_t i = 0; i < list.size(); ++i) {
        Input input = HF_TRY(read_input(list[i], fmt::format("/inputs/{}", i)));
        const bool twice = std::any_of(inputs.begin(), inputs.end(), [&](const Input& other) {
            return other.name == input.name;
        });
        if (twice) return invalid_argument("/inputs/{}: '{}' is there twice", i, input.name);
        inputs.push_back(std::move(input));
    }
    return inputs;
}

Result<Condition> read_condition(const Fields& fields) {
    HF_TRY(fields.only({"value", "measure", "confidence_below", "confidence_at_least", "by"}));
    Condition condition;
    condition.value = HF_TRY(read_name(fields, "value"));
    const std::string measure = HF_TRY(fields.text("measure", "max-softmax"));
    condition.measure =
        HF_TRY(cascade::parse_measure(measure).context("{}", fields.place("measure")));
    condition.below = fields.has("confidence_below");
    if (condition.below == fields.has("confidence_at_least")) {
        return invalid_argument("{}: want either confidence_below or confidence_at_least",
                                fields.at());
    }
    condition.threshold =
        HF_TRY(fields.number(condition.below ? "confidence_below" : "confidence_at_least", 0));
    if (fields.has("by")) {
        const std::size_t by = HF_TRY(fields.choice("by", {"row", "request"}));
        condition.by_row = by == 0;
    }
    return condition;
}

Result<Step> read_step(const Fields& fields) {
    HF_TRY(fields.only({"model", "inputs", "outputs", "when"}));
    Step step;
    step.model = HF_TRY(read_name(fields, "model"));
    for (const Member& member : HF_TRY(read_members(fields, "inputs"))) {
        Source source = HF_TRY(read_source(member));
        step.inputs.emplace_back(member.name, std::move(source));
    }
    for (const Member& member : HF_TRY(read_members(fields, "outputs"))) {
        std::string value = HF_TRY(read_name(*member.value, member.place));
        step.outputs.emplace_back(member.name, std::move(value));
    }
    const std::optional<Fields> when = HF_TRY(fields.child("when"));
    if (when) step.when = HF_TRY(read_condition(*when));
    return step;
}

}  // namespace

Result<Declaration> Declaration::parse(std::string_view text) {
    const json::Value value = HF_TRY(json::parse(text, kMaxDeclarationBytes));
    const Fields fields = HF_TRY(Fields::of(value, ""));
    HF_TRY(fields.only({"inputs", "steps", "outputs"}));
    Declaration declaration;
    declaration.inputs = HF_TRY(read_inputs(fields));
    const std::vector<Fields> steps = HF_TRY(fields.children("steps"));
    HF_TRY(check_count(steps.size(), kStepsMax, "/steps"));
    for (const Fields& each : steps) {
        Step step = HF_TRY(read_step(each));
        declaration.steps.push_back(std::move(step));
    }
    for (const Member& member : HF_TRY(read_members(fields, "outputs"))) {
        Source source = HF_TRY(read_source(member));
        declaration.outputs.emplace_back(member.name, std::move(source));
    }
    return declaration;
}

std::vector<std::string> Declaration::models() const {
    std::vector<std::string> names;
    for (const Step& step : steps) {
        if (std::find(names.begin(), names.end(), step.model) == names.end()) {
            names.push_back(step.model);
        }
    }
    return names;
}

}  // namespace hf::serve::ensemble
