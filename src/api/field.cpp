#include "api/field.h"

namespace hf::api {
namespace {

Field make(std::string_view name, std::string_view description, FieldType type) {
    Field field;
    field.name = std::string(name);
    field.description = std::string(description);
    field.type = type;
    return field;
}

Field owner_reference() {
    return object("", "An object that this one belongs to: when all owners are gone, so is this.",
                  {text("apiVersion", "Group and version of the owner.").needed(),
                   text("kind", "Kind of the owner.").needed(),
                   text("name", "Name of the owner, in the same namespace.").needed(),
                   text("uid", "Identity of the owner.").needed(),
                   truth("controller", "Whether the owner manages this object."),
                   truth("blockOwnerDeletion",
                         "Whether the owner's foreground removal waits for this object.")});
}

}  // namespace

Field Field::needed() && {
    required = true;
    return std::move(*this);
}
Field Field::fixed() && {
    immutable = true;
    return std::move(*this);
}
Field Field::as(Format wanted) && {
    format = wanted;
    return std::move(*this);
}
Field Field::choices(std::vector<std::string> choices) && {
    one_of = std::move(choices);
    return std::move(*this);
}
Field Field::otherwise(json::Value value) && {
    fallback = std::move(value);
    return std::move(*this);
}
Field Field::between(std::int64_t low, std::int64_t high) && {
    minimum = low;
    maximum = high;
    return std::move(*this);
}

Field text(std::string_view name, std::string_view description) {
    Field field = make(name, description, FieldType::kText);
    field.maximum = kMaxTextBytes;
    return field;
}
Field prose(std::string_view name, std::string_view description) {
    Field field = make(name, description, FieldType::kText);
    field.maximum = kMaxProseBytes;
    return field;
}
Field integer(std::string_view name, std::string_view description) {
    return make(name, description, FieldType::kInteger);
}
Field truth(std::string_view name, std::string_view description) {
    return make(name, description, FieldType::kTruth);
}
Field timestamp(std::string_view name, std::string_view description) {
    return text(name, description).as(Format::kDateTime);
}
Field object(std::string_view name, std::string_view description, std::vector<Field> fields) {
    Field field = make(name, description, FieldType::kObject);
    field.fields = std::move(fields);
    return field;
}
Field list(std::string_view name, std::string_view description, Field item) {
    Field field = make(name, description, FieldType::kList);
    field.fields.push_back(std::move(item));
    field.maximum = kMaxListItems;
    return field;
}
Field text_map(std::string_view name, std::string_view description) {
    Field field = make(name, description, FieldType::kTextMap);
    field.maximum = kMaxMapEntries;
    return field;
}

Field conditions() {
    return list(
        "conditions", "What is so, each with when it last changed and why.",
        object("", "One condition.",
               {text("type", "What is judged, in CamelCase.").needed(),
                text("status", "Whether it is so.").needed().choices({"True", "False", "Unknown"}),
                text("reason", "Why, in one CamelCase word for programs."),
                prose("message", "Why, in a sentence for people."),
                integer("observedGeneration", "The generation of the spec that was judged."),
                timestamp("lastTransitionTime", "When the status last changed.")}));
}

const std::vector<Field>& metadata_fields() {
    constexpr std::int64_t kMaxFinalizers = 16;
    static const std::vector<Field> kFields{
        text("name", "Unique in its namespace and kind; cannot change.").as(Format::kName),
        text("generateName", "A prefix from which the server makes a unique name.").between(0, 200),
        text("namespace", "The space that the name is unique in.").as(Format::kNamespace),
        text_map("labels", "Keys and values to select objects by.").as(Format::kLabels),
        text_map("annotations", "Keys and values for tools and people; not selected by.")
            .as(Format::kAnnotations),
        text("uid", "Identity in time and space, given by the server."),
        text("resourceVersion", "The version of this object, for comparing before writing."),
        integer("generation", "Counts the changes of what is wanted."),
        timestamp("creationTimestamp", "When the server stored it first."),
        timestamp("deletionTimestamp", "When its removal was asked for; finalizers delay it."),
        integer("deletionGracePeriodSeconds", "Always zero here: removal does not wait."),
        list("finalizers", "Who must agree before the object goes.",
             text("", "A qualified name.").as(Format::kQualifiedName))
            .between(0, kMaxFinalizers),
        list("ownerReferences", "The objects that this one belongs to.", owner_reference()),
        list("managedFields", "Accepted and not kept: fields have no owners here.",
             object("", "An entry.", {})),
        text("selfLink", "Accepted and not kept."),
    };
    return kFields;
}

const Field* find_field(const std::vector<Field>& fields, std::string_view name) {
    for (const Field& field : fields) {
        if (field.name == name) return &field;
    }
    return nullptr;
}

}  // namespace hf::api
