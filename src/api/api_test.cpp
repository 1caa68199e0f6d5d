// Runs the text tests of src/api/testdata: one file an area.

#include <gtest/gtest.h>

#include "api/kinds.h"
#include "api/names.h"
#include "api/patch.h"
#include "api/selector.h"
#include "api/table.h"
#include "api/validate.h"
#include "api/yaml.h"
#include "base/text.h"
#include "testing/script.h"

namespace hf::api {
namespace {

std::string error_of(const Status& status) {
    return status.to_string() + "\n";
}

Labels labels_of(const Object& object) {
    Labels labels;
    const json::Object* found = json::find_object(object.metadata(), "labels");
    for (const auto& label : found ? *found : json::Object()) {
        labels[std::string(label.key())] = object.label(label.key());
    }
    return labels;
}

// Two JSON values in the input, on one line each.
Result<std::pair<json::Value, json::Value>> two_values(const std::string& input) {
    const std::size_t end = input.find('\n');
    json::Value first = HF_TRY(json::parse(input.substr(0, end)));
    json::Value second = HF_TRY(json::parse(input.substr(end + 1)));
    return std::pair(std::move(first), std::move(second));
}

std::string patch_output(const testing::TextCommand& command) {
    auto values = two_values(command.input);
    if (!values.ok()) return error_of(values.status());
    auto& [target, patch] = *values;
    if (command.name == "merge") {
        merge_patch(target, patch);
    } else if (const Status status = json_patch(target, patch); !status.ok()) {
        return error_of(status) + json::write(target) + "\n";
    }
    return json::write(target) + "\n";
}

TEST(Patch, Text) {
    testing::run_text_test("src/api/testdata/patch.txt", patch_output);
}

TEST(Yaml, Text) {
    testing::run_text_test(
        "src/api/testdata/yaml.txt", [](const testing::TextCommand& command) -> std::string {
            const Result<std::vector<json::Value>> documents = parse_yaml_documents(command.input);
            if (!documents.ok()) return error_of(documents.status());
            std::string out;
            for (const json::Value& document : *documents) {
                if (command.name == "parse") out += json::write(document) + "\n";
                if (command.name == "write") {
                    const std::string text = write_yaml(document);
                    out += text;
                    const Result<json::Value> back = parse_yaml(text);
                    if (!back.ok() || *back != document) out += "READS BACK AS ANOTHER VALUE\n";
                }
            }
            return out;
        });
}

TEST(Names, Text) {
    testing::run_text_test("src/api/testdata/names.txt",
                           [](const testing::TextCommand& command) -> std::string {
                               std::string out;
                               for (std::string_view line : split(trim(command.input), '\n')) {
                                   Status status;
                                   if (command.name == "name") status = check_name(line);
                                   if (command.name == "namespace") status = check_namespace(line);
                                   if (command.name == "key") status = check_qualified_name(line);
                                   if (command.name == "value") status = check_label_value(line);
                                   if (command.name == "reference")
                                       status = parse_model_reference(line).status();
                                   out += status.ok() ? "OK\n" : error_of(status);
                               }
                               return out;
                           });
}

Result<Object> read_object(std::string_view text) {
    return Object::from_json(HF_TRY(parse_yaml(text)));
}

TEST(Selector, Text) {
    testing::run_text_test(
        "src/api/testdata/selector.txt", [](const testing::TextCommand& command) -> std::string {
            static Object object;
            if (command.name == "object") {
                object = *read_object(command.input);
                return "OK\n";
            }
            std::string out;
            for (std::string_view line : split(trim(command.input), '\n')) {
                if (command.name == "labels") {
                    const Result<LabelSelector> selector = LabelSelector::parse(line);
                    if (selector.ok()) {
                        EXPECT_EQ(selector->matches(labels_of(object)), selector->matches(object));
                    }
                    out += !selector.ok()              ? error_of(selector.status())
                           : selector->matches(object) ? "matches\n"
                                                       : "does not match\n";
                } else {
                    const Result<FieldSelector> selector = FieldSelector::parse(line);
                    out += !selector.ok()              ? error_of(selector.status())
                           : selector->matches(object) ? "matches\n"
                                                       : "does not match\n";
                }
            }
            return out;
        });
}

// Unknown fields, then what is wrong, then the object with its defaults.
TEST(Validate, Text) {
    testing::run_text_test("src/api/testdata/validate.txt",
                           [](const testing::TextCommand& command) -> std::string {
                               Result<Object> object = read_object(command.input);
                               if (!object.ok()) return error_of(object.status());
                               const Kind* kind = find_kind(object->kind());
                               if (!kind) return "no such kind\n";
                               std::string out;
                               for (const std::string& unknown : prune(*kind, *object))
                                   out += unknown + "\n";
                               fill_defaults(*kind, *object);
                               const std::vector<Cause> causes = validate(*kind, *object);
                               if (!causes.empty())
                                   return out + error_of(invalid(*kind, object->name(), causes));
                               return out + json::write(object->json()) + "\n";
                           });
}

TEST(Validate, ASpecThatMayNotChangeMayNotChange) {
    const Object before = *read_object(
        "{apiVersion: holdfast.dev/v1, kind: ModelVersion, metadata: {name: a, namespace: "
        "default}, "
        "spec: {model: pump}}");
    Object now = before;
    EXPECT_TRUE(validate_change(model_version_kind(), before, now).empty());
    now.edit_spec()["model"] = "fan";
    ASSERT_EQ(validate_change(model_version_kind(), before, now).size(), 1u);
    EXPECT_EQ(validate_change(model_version_kind(), before, now)[0].field, "spec");
}

TEST(Table, AgeIsKubectls) {
    using namespace std::chrono_literals;
    const std::vector<std::pair<Duration, std::string>> cases{
        {-5s, "<invalid>"},   {-1s, "0s"},           {0s, "0s"},
        {119s, "119s"},       {120s, "2m"},          {201s, "3m21s"},
        {10min, "10m"},       {179min, "179m"},      {3h, "3h"},
        {3h + 5min, "3h5m"},  {47h, "47h"},          {48h, "2d"},
        {50h, "2d2h"},        {24h * 8, "8d"},       {24h * 729, "729d"},
        {24h * 800, "2y70d"}, {24h * 365 * 9, "9y"},
    };
    for (const auto& [age, want] : cases) EXPECT_EQ(human_age(age), want);
}

TEST(Table, ConditionsListsAndAbsentFieldsBecomeCells) {
    const Object service = *read_object(
        "{apiVersion: holdfast.dev/v1, kind: Service, metadata: {name: pump, namespace: default, "
        "creationTimestamp: \"2026-11-24T10:00:00Z\"}, spec: {model: \"pump:v1\"}, status: "
        "{conditions: [{type: Pulled, status: \"True\"}, {type: Ready, status: \"False\", reason: "
        "Verifying}]}}");
    const Instant now = *parse_rfc3339("2026-11-24T10:00:09Z");
    EXPECT_EQ(column_names(service_kind(), false),
              (std::vector<std::string>{"NAME", "MODEL", "READY", "REASON", "REPLICAS", "WANTED",
                                        "URL", "AGE"}));
    EXPECT_EQ(
        cells(service_kind(), service, now, false),
        (std::vector<std::string>{"pump", "pump:v1", "False", "Verifying", "", "", "", "9s"}));
    TableOptions options;
    options.now = now;
    options.resource_version = "7";
    const json::Value table = to_table(service_kind(), {service}, options);
    EXPECT_EQ(json::find_array(table, "columnDefinitions")->size(), 10u);
    EXPECT_EQ(json::get_string(*json::find(table, "metadata"), "resourceVersion"), "7");
}

TEST(Kinds, EveryKindIsFoundByEveryName) {
    for (const Kind* kind : all_kinds()) {
        EXPECT_EQ(*find_kind_by_any_name(kind->name), kind);
        EXPECT_EQ(*find_kind_by_any_name(kind->qualified()), kind);
        EXPECT_EQ(find_resource(kind->plural), kind);
        for (const std::string& name : kind->short_names)
            EXPECT_EQ(*find_kind_by_any_name(name), kind);
    }
    EXPECT_NE(find_kind_by_any_name("servces").status().message().find("'services'"),
              std::string::npos);
}

}  // namespace
}  // namespace hf::api
