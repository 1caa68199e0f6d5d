#include "api/openapi.h"

#include "api/kinds.h"

namespace hf::api {
namespace {

constexpr std::string_view kObjectMeta = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
constexpr std::string_view kListMeta = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta";

enum class Version : unsigned char { kV2, kV3 };

json::Object reference(Version version, std::string_view name) {
    const std::string_view prefix =
        version == Version::kV2 ? "#/definitions/" : "#/components/schemas/";
    return {{"$ref", fmt::format("{}{}", prefix, name)}};
}

json::Object described(json::Object schema, std::string_view description) {
    if (!description.empty()) schema["description"] = description;
    return schema;
}

// A property that is a reference: OpenAPI 3.0 ignores what stands beside "$ref", so it is wrapped
// there.
json::Object reference_property(Version version, std::string_view name, std::string_view text) {
    if (version == Version::kV2) return described(reference(version, name), text);
    return described(
        {{"allOf", json::Array{reference(version, name)}}, {"default", json::Object()}}, text);
}

json::Object group_version_kind(std::string_view kind) {
    return {{"group", kGroup}, {"version", "v1"}, {"kind", kind}};
}

void add_members(const std::vector<Field>& fields, json::Object& schema) {
    json::Object properties;
    json::Array required;
    for (const Field& field : fields) {
        properties[field.name] = field_schema(field);
        if (field.required) required.emplace_back(field.name);
    }
    if (!properties.empty()) schema["properties"] = std::move(properties);
    if (!required.empty()) schema["required"] = std::move(required);
}

json::Value kind_schema(Version version, const Kind& kind) {
    json::Object schema{{"type", "object"}, {"description", kind.description}};
    add_members(kind.fields, schema);
    json::Object properties;
    properties["apiVersion"] = field_schema(text("apiVersion", "Group and version."));
    properties["kind"] = field_schema(text("kind", "The kind of this object."));
    properties["metadata"] = reference_property(version, kObjectMeta, "What every object has.");
    if (const json::Value* own = schema.if_contains("properties")) {
        for (const auto& property : own->get_object())
            properties[property.key()] = property.value();
    }
    schema["properties"] = std::move(properties);
    schema["x-kubernetes-group-version-kind"] = json::Array{group_version_kind(kind.name)};
    return schema;
}

json::Value list_schema(Version version, const Kind& kind) {
    const json::Object items{
        {"type", "array"},
        {"description", "The objects."},
        {"items", reference(version, schema_name(kind))},
    };
    return json::Object{
        {"type", "object"},
        {"description", fmt::format("A list of {}.", kind.plural)},
        {"required", json::Array{"items"}},
        {"properties",
         json::Object{{"apiVersion", field_schema(text("apiVersion", "Group and version."))},
                      {"kind", field_schema(text("kind", "The kind of this list."))},
                      {"metadata", reference_property(version, kListMeta, "About the list.")},
                      {"items", items}}},
        {"x-kubernetes-group-version-kind", json::Array{group_version_kind(kind.name + "List")}}};
}

json::Object all_schemas(Version version) {
    json::Object schemas;
    json::Object metadata{{"type", "object"}, {"description", "What every object has."}};
    add_members(metadata_fields(), metadata);
    schemas[kObjectMeta] = std::move(metadata);
    schemas[kListMeta] = json::Object{
        {"type", "object"},
        {"description", "About a list."},
        {"properties", json::Object{{"resourceVersion",
                                     field_schema(text("", "The version that the list shows."))},
                                    {"continue", field_schema(text("",
                                                                   "Where the next part "
                                                                   "begins."))}}}};
    for (const Kind* kind : all_kinds()) {
        schemas[schema_name(*kind)] = kind_schema(version, *kind);
        schemas[schema_name(*kind) + "List"] = list_schema(version, *kind);
    }
    return schemas;
}

json::Value query_parameter(Version version, std::string_view name, std::string_view text) {
    json::Object parameter{{"name", name}, {"in", "query"}, {"description", text}};
    if (version == Version::kV2) {
        parameter["type"] = "string";
        parameter["uniqueItems"] = true;
    } else {
        parameter["schema"] = json::Object{{"type", "string"}};
    }
    return parameter;
}

json::Value path_parameter(Version version, std::string_view name) {
    json::Object parameter{{"name", name},
                           {"in", "path"},
                           {"required", true},
                           {"description", fmt::format("The object's {}.", name)}};
    if (version == Version::kV2) {
        parameter["type"] = "string";
    } else {
        parameter["schema"] = json::Object{{"type", "string"}};
    }
    return parameter;
}

// Verb of HTTP, verb of Kubernetes, whether it writes.
struct Verb {
    std::string_view http, action;
    bool writes = false;
};

json::Value operation(Version version, const Kind& kind, const Verb& verb) {
    json::Array parameters;
    if (verb.writes) {
        parameters.push_back(query_parameter(version, "dryRun", "With 'All' nothing is stored."));
        parameters.push_back(query_parameter(version, "fieldManager", "Who writes."));
        parameters.push_back(query_parameter(
            version, "fieldValidation", "What to do about unknown fields: Strict, Warn, Ignore."));
    } else if (verb.action == "list") {
        for (std::string_view name : {"labelSelector", "fieldSelector", "limit", "continue",
                                      "resourceVersion", "watch", "timeoutSeconds"}) {
            parameters.push_back(query_parameter(version, name, "See the API conventions."));
        }
    }
    const std::string id =
        fmt::format("{}{}{}", verb.action, kind.namespaced ? "Namespaced" : "", kind.name);
    return json::Object{{"operationId", id},
                        {"description", fmt::format("{} {}", verb.action, kind.name)},
                        {"parameters", std::move(parameters)},
                        {"responses", json::Object{{"200", json::Object{{"description", "OK"}}}}},
                        {"x-kubernetes-action", verb.action},
                        {"x-kubernetes-group-version-kind", group_version_kind(kind.name)}};
}

json::Object all_paths(Version version) {
    json::Object paths;
    for (const Kind* kind : all_kinds()) {
        const std::string base = fmt::format("/apis/{}{}", kApiVersion,
                                             kind->namespaced ? "/namespaces/{namespace}" : "");
        json::Array shared;
        if (kind->namespaced) shared.push_back(path_parameter(version, "namespace"));
        json::Object collection{{"parameters", shared}};
        for (const Verb& verb : {Verb{"get", "list"}, Verb{"post", "post", true}})
            collection[verb.http] = operation(version, *kind, verb);
        shared.push_back(path_parameter(version, "name"));
        json::Object single{{"parameters", shared}};
        for (const Verb& verb : {Verb{"get", "get"}, Verb{"put", "put", true},
                                 Verb{"patch", "patch", true}, Verb{"delete", "delete"}})
            single[verb.http] = operation(version, *kind, verb);
        paths[fmt::format("{}/{}", base, kind->plural)] = std::move(collection);
        paths[fmt::format("{}/{}/{{name}}", base, kind->plural)] = std::move(single);
    }
    return paths;
}

const json::Object& info() {
    static const json::Object kInfo{{"title", "Holdfast"}, {"version", "v1"}};
    return kInfo;
}

std::string_view type_of(FieldType type) {
    switch (type) {
        case FieldType::kText: return "string";
        case FieldType::kInteger: return "integer";
        case FieldType::kTruth: return "boolean";
        case FieldType::kList: return "array";
        case FieldType::kObject:
        case FieldType::kTextMap: break;
    }
    return "object";
}

void add_bounds(const Field& field, json::Object& schema) {
    const bool is_list = field.type == FieldType::kList;
    const bool is_text = field.type == FieldType::kText;
    const std::string_view low = is_list ? "minItems" : is_text ? "minLength" : "minimum";
    const std::string_view high = is_list ? "maxItems" : is_text ? "maxLength" : "maximum";
    if (field.type == FieldType::kTextMap || field.type == FieldType::kObject) return;
    if (field.minimum && *field.minimum > 0) schema[low] = *field.minimum;
    if (field.maximum) schema[high] = *field.maximum;
}

}  // namespace

std::string schema_name(const Kind& kind) {
    return fmt::format("dev.holdfast.v1.{}", kind.name);
}

json::Value field_schema(const Field& field) {
    json::Object schema = described({{"type", type_of(field.type)}}, field.description);
    add_bounds(field, schema);
    if (field.format == Format::kDateTime) schema["format"] = "date-time";
    if (field.type == FieldType::kInteger) schema["format"] = "int64";
    if (!field.one_of.empty()) {
        json::Array choices;
        for (const std::string& choice : field.one_of) choices.emplace_back(choice);
        schema["enum"] = std::move(choices);
    }
    if (!field.fallback.is_null()) schema["default"] = field.fallback;
    if (field.type == FieldType::kObject) add_members(field.fields, schema);
    if (field.type == FieldType::kList) schema["items"] = field_schema(field.fields.front());
    if (field.type == FieldType::kTextMap)
        schema["additionalProperties"] = json::Object{{"type", "string"}};
    return schema;
}

json::Value openapi_v3() {
    return json::Object{{"openapi", "3.0.0"},
                        {"info", info()},
                        {"paths", all_paths(Version::kV3)},
                        {"components", json::Object{{"schemas", all_schemas(Version::kV3)}}}};
}

json::Value openapi_v2() {
    return json::Object{{"swagger", "2.0"},
                        {"info", info()},
                        {"paths", all_paths(Version::kV2)},
                        {"definitions", all_schemas(Version::kV2)}};
}

}  // namespace hf::api
