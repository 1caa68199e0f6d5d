#include "api/validate.h"

#include <algorithm>
#include <initializer_list>

#include "api/names.h"
#include "base/text.h"
#include "base/time.h"

namespace hf::api {
namespace {

constexpr std::string_view kRequired = "FieldValueRequired";
constexpr std::string_view kInvalid = "FieldValueInvalid";
constexpr std::string_view kNotSupported = "FieldValueNotSupported";
constexpr std::string_view kTypeInvalid = "FieldValueTypeInvalid";
constexpr std::string_view kTooMany = "FieldValueTooMany";
constexpr std::string_view kTooLong = "FieldValueTooLong";
constexpr std::string_view kForbidden = "FieldValueForbidden";

std::string below(const std::string& path, std::string_view name) {
    return path.empty() ? std::string(name) : fmt::format("{}.{}", path, name);
}

std::string_view type_name(FieldType type) {
    switch (type) {
        case FieldType::kText: return "a string";
        case FieldType::kInteger: return "an integer";
        case FieldType::kTruth: return "true or false";
        case FieldType::kObject: return "an object";
        case FieldType::kList: return "a list";
        case FieldType::kTextMap: return "an object of strings";
    }
    return "";
}

bool has_type(const json::Value& value, FieldType type) {
    switch (type) {
        case FieldType::kText: return value.is_string();
        case FieldType::kInteger: return value.is_int64();
        case FieldType::kTruth: return value.is_bool();
        case FieldType::kObject: return value.is_object();
        case FieldType::kList: return value.is_array();
        case FieldType::kTextMap: {
            const json::Object* entries = value.if_object();
            return entries && std::all_of(entries->begin(), entries->end(), [](const auto& entry) {
                       return entry.value().is_string();
                   });
        }
    }
    return false;
}

// The value for a message, cut where it is long.
std::string shown(const json::Value& value) {
    constexpr std::size_t kMaxShownBytes = 96;
    std::string text = json::write(value);
    if (text.size() > kMaxShownBytes) {
        std::size_t end = kMaxShownBytes;
        while (end > 0 && (static_cast<unsigned char>(text[end]) >> 6) == 2) --end;
        text = text.substr(0, end) + "...";
    }
    return text;
}

Status check_public_key(std::string_view pem) {
    const std::string_view trimmed = trim(pem);
    if (trimmed.starts_with("-----BEGIN PUBLIC KEY-----") &&
        trimmed.ends_with("-----END PUBLIC KEY-----")) {
        return {};
    }
    return invalid_argument(
        "want one PEM block '-----BEGIN PUBLIC KEY-----', as `holdfast keygen` "
        "writes it");
}

Status check_format(Format format, std::string_view text) {
    switch (format) {
        case Format::kNone:
        case Format::kLabels:
        case Format::kAnnotations: return {};
        case Format::kName: return check_name(text);
        case Format::kNamespace: return check_namespace(text);
        case Format::kQualifiedName: return check_qualified_name(text);
        case Format::kDateTime: return parse_rfc3339(text).status();
        case Format::kDigest: return Digest::parse(text).status();
        case Format::kModelReference: return parse_model_reference(text).status();
        case Format::kPublicKey: return check_public_key(text);
    }
    return {};
}

// Walks an object along its field table and collects what is wrong.
class Checker final {
public:
    std::vector<Cause> causes;

    void members(const std::vector<Field>& fields, const json::Object& value,
                 const std::string& path) {
        for (const Field& field : fields) {
            if (const json::Value* member = value.if_contains(field.name)) {
                check(field, *member, below(path, field.name));
            } else if (field.required) {
                add(kRequired, below(path, field.name),
                    fmt::format("Required value: {}", field.description));
            }
        }
    }

    void add(std::string_view reason, const std::string& path, std::string message) {
        if (causes.size() < kMaxCauses)
            causes.push_back({std::string(reason), path, std::move(message)});
    }

private:
    void check(const Field& field, const json::Value& value, const std::string& path) {
        if (!has_type(value, field.type)) {
            add(kTypeInvalid, path,
                fmt::format("Invalid value: {}: must be {}", shown(value), type_name(field.type)));
            return;
        }
        switch (field.type) {
            case FieldType::kText: check_text(field, value, path); break;
            case FieldType::kInteger: check_integer(field, value, path); break;
            case FieldType::kTruth: break;
            case FieldType::kObject: members(field.fields, value.get_object(), path); break;
            case FieldType::kList: check_list(field, value.get_array(), path); break;
            case FieldType::kTextMap: check_map(field, value.get_object(), path); break;
        }
    }

    void check_text(const Field& field, const json::Value& value, const std::string& path) {
        const std::string_view text = json::as_view(value.get_string());
        const auto size = static_cast<std::int64_t>(text.size());
        if (field.minimum && size < *field.minimum) {
            add(kRequired, path, "Required value: must not be empty");
        } else if (field.maximum && size > *field.maximum) {
            add(kTooLong, path,
                fmt::format("Too long: may not be more than {} bytes", *field.maximum));
        } else if (!field.one_of.empty() && std::find(field.one_of.begin(), field.one_of.end(),
                                                      text) == field.one_of.end()) {
            add(kNotSupported, path,
                fmt::format("Unsupported value: {}: supported values: \"{}\"", shown(value),
                            join(field.one_of, "\", \"")));
        } else if (const Status status = check_format(field.format, text); !status.ok()) {
            add(kInvalid, path,
                fmt::format("Invalid value: {}: {}", shown(value), status.message()));
        }
    }

    void check_integer(const Field& field, const json::Value& value, const std::string& path) {
        const std::int64_t number = value.get_int64();
        if (field.minimum && number < *field.minimum) {
            add(kInvalid, path,
                fmt::format("Invalid value: {}: must be greater than or equal to {}", number,
                            *field.minimum));
        } else if (field.maximum && number > *field.maximum) {
            add(kInvalid, path,
                fmt::format("Invalid value: {}: must be less than or equal to {}", number,
                            *field.maximum));
        }
    }

    void check_list(const Field& field, const json::Array& items, const std::string& path) {
        const auto size = static_cast<std::int64_t>(items.size());
        if (field.minimum && size < *field.minimum) {
            add(kRequired, path,
                fmt::format("Required value: at least {} item{}", *field.minimum,
                            *field.minimum == 1 ? "" : "s"));
        }
        if (field.maximum && size > *field.maximum) {
            add(kTooMany, path,
                fmt::format("Too many: {}: must have at most {} items", size, *field.maximum));
            return;
        }
        for (std::size_t i = 0; i < items.size(); ++i) {
            check(field.fields.front(), items[i], fmt::format("{}[{}]", path, i));
        }
    }

    void check_map(const Field& field, const json::Object& entries, const std::string& path) {
        const auto size = static_cast<std::int64_t>(entries.size());
        if (field.maximum && size > *field.maximum) {
            add(kTooMany, path,
                fmt::format("Too many: {}: must have at most {} entries", size, *field.maximum));
            return;
        }
        std::size_t bytes = 0;
        for (const auto& entry : entries) {
            const std::string_view key = entry.key();
            bytes += key.size() + entry.value().get_string().size();
            if (field.format == Format::kNone) continue;
            Status status = check_qualified_name(key);
            if (status.ok() && field.format == Format::kLabels)
                status = check_label_value(json::as_view(entry.value().get_string()));
            if (!status.ok())
                add(kInvalid, path, fmt::format("Invalid value: {}", status.message()));
        }
        if (bytes > kMaxAnnotationsBytes) {
            add(kTooLong, path,
                fmt::format("Too long: may not be more than {} bytes", kMaxAnnotationsBytes));
        }
    }
};

// The tables of an object's members: one, but for a whole object two.
using Tables = std::initializer_list<const std::vector<Field>*>;

void prune_members(Tables tables, json::Object& value, const std::string& path,
                   std::vector<std::string>& unknown);

void prune_value(const Field& field, json::Value& value, const std::string& path,
                 std::vector<std::string>& unknown) {
    if (field.type == FieldType::kObject && value.is_object()) {
        prune_members({&field.fields}, value.get_object(), path, unknown);
    } else if (field.type == FieldType::kList && value.is_array()) {
        json::Array& items = value.get_array();
        for (std::size_t i = 0; i < items.size(); ++i) {
            prune_value(field.fields.front(), items[i], fmt::format("{}[{}]", path, i), unknown);
        }
    } else if (field.type == FieldType::kTextMap && value.is_object()) {
        json::Object kept;
        for (auto& entry : value.get_object()) {
            if (!entry.value().is_null()) kept[entry.key()] = std::move(entry.value());
        }
        value = std::move(kept);
    }
}

const Field* find_in(Tables tables, std::string_view name) {
    for (const std::vector<Field>* fields : tables) {
        if (const Field* field = find_field(*fields, name)) return field;
    }
    return nullptr;
}

std::string unknown_field(Tables tables, const std::string& path, std::string_view key) {
    constexpr std::size_t kMaxKeyShownBytes = 80;
    std::vector<std::string> names;
    for (const std::vector<Field>* fields : tables) {
        for (const Field& field : *fields) names.push_back(field.name);
    }
    std::string sentence =
        fmt::format("unknown field \"{}\"", below(path, key.substr(0, kMaxKeyShownBytes)));
    const std::string near = nearest(key.substr(0, kMaxKeyShownBytes), names);
    if (!near.empty()) sentence += fmt::format(" (did you mean \"{}\"?)", near);
    return sentence;
}

// Most objects have nothing to prune, and stay as they are.
void prune_members(Tables tables, json::Object& value, const std::string& path,
                   std::vector<std::string>& unknown) {
    std::vector<bool> keep;
    for (auto& member : value) {
        const bool given = !member.value().is_null();
        const Field* field = given ? find_in(tables, member.key()) : nullptr;
        keep.push_back(field != nullptr);
        if (field) {
            prune_value(*field, member.value(), below(path, member.key()), unknown);
        } else if (given && unknown.size() < kMaxCauses) {
            unknown.push_back(unknown_field(tables, path, member.key()));
        }
    }
    if (std::find(keep.begin(), keep.end(), false) == keep.end()) return;
    json::Object kept;
    std::size_t at = 0;
    for (auto& member : value) {
        if (keep[at++]) kept[member.key()] = std::move(member.value());
    }
    value = std::move(kept);
}

void fill(const std::vector<Field>& fields, json::Object& value) {
    for (const Field& field : fields) {
        json::Value* member = value.if_contains(field.name);
        if (!member) {
            if (!field.fallback.is_null()) value[field.name] = field.fallback;
        } else if (field.type == FieldType::kObject && member->is_object()) {
            fill(field.fields, member->get_object());
        } else if (field.type == FieldType::kList && member->is_array()) {
            for (json::Value& item : member->get_array()) {
                if (item.is_object()) fill(field.fields.front().fields, item.get_object());
            }
        }
    }
}

// What a whole object has beside the fields of its kind.
const std::vector<Field>& envelope() {
    static const std::vector<Field> kFields{
        text("apiVersion", "Group and version."), text("kind", "The kind."),
        object("metadata", "What every object has.", metadata_fields())};
    return kFields;
}

void compare_fixed(const std::vector<Field>& fields, const json::Value& before,
                   const json::Value& now, Checker& checker) {
    for (const Field& field : fields) {
        if (!field.immutable) continue;
        const json::Value* old_value = json::find(before, field.name);
        const json::Value* new_value = json::find(now, field.name);
        const bool same =
            old_value && new_value ? *old_value == *new_value : old_value == new_value;
        if (!same) {
            checker.add(kInvalid, field.name,
                        "Invalid value: field is immutable: make a new object instead");
        }
    }
}

}  // namespace

Result<FieldValidation> parse_field_validation(std::string_view text) {
    if (text == "Strict") return FieldValidation::kStrict;
    if (text == "Warn") return FieldValidation::kWarn;
    if (text == "Ignore") return FieldValidation::kIgnore;
    return invalid_argument(
        "fieldValidation: Unsupported value: \"{}\": supported values: "
        "\"Ignore\", \"Warn\", \"Strict\"",
        text.substr(0, 40));
}

std::vector<std::string> prune(const Kind& kind, Object& object) {
    std::vector<std::string> unknown;
    prune_members({&envelope(), &kind.fields}, object.fields(), "", unknown);
    if (object.metadata().is_object()) {
        object.edit_metadata().erase("managedFields");
        object.edit_metadata().erase("selfLink");
    }
    return unknown;
}

void fill_defaults(const Kind& kind, Object& object) {
    fill(kind.fields, object.fields());
}

std::vector<Cause> validate(const Kind& kind, const Object& object) {
    Checker checker;
    checker.members(envelope(), object.json().get_object(), "");
    checker.members(kind.fields, object.json().get_object(), "");
    if (object.name().empty()) {
        checker.add(kRequired, "metadata.name", "Required value: name or generateName is required");
    }
    if (kind.namespaced == object.ns().empty()) {
        checker.add(kind.namespaced ? kRequired : kForbidden, "metadata.namespace",
                    kind.namespaced ? "Required value"
                                    : fmt::format("Forbidden: {} have no namespace", kind.plural));
    }
    return std::move(checker.causes);
}

std::vector<Cause> validate_change(const Kind& kind, const Object& before, const Object& now) {
    Checker checker;
    for (std::string_view key : {"name", "namespace", "uid"}) {
        if (json::get_string(before.metadata(), key) != json::get_string(now.metadata(), key)) {
            checker.add(kInvalid, fmt::format("metadata.{}", key),
                        "Invalid value: field is immutable");
        }
    }
    compare_fixed(kind.fields, before.json(), now.json(), checker);
    return std::move(checker.causes);
}

Status invalid(const Kind& kind, std::string_view name, const std::vector<Cause>& causes) {
    std::vector<std::string> parts;
    for (const Cause& cause : causes) parts.push_back(cause.field + ": " + cause.message);
    const std::string all =
        parts.size() == 1 ? parts.front() : fmt::format("[{}]", join(parts, ", "));
    return invalid_argument("{}.{} \"{}\" is invalid: {}", kind.name, kGroup, name, all);
}

}  // namespace hf::api
