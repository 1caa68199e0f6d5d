// Field: one row of a kind's table: name, type, description, bounds, enumeration, default. From
// these rows follow validation (api/validate.h), defaults, pruning, OpenAPI (api/openapi.h) and
// `kubectl explain`. Rows are made with the functions below and narrowed by the chained ones:
//
//     text("device", "Where the model is compiled for.").choices({"auto", "cpu"}).otherwise("auto")
//
// Thread-safety: values; the tables are immutable once built.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace hf::api {

enum class FieldType : unsigned char { kText, kInteger, kTruth, kObject, kList, kTextMap };

enum class Format : unsigned char {
    kNone,
    kName,            // RFC 1123 subdomain
    kNamespace,       // RFC 1123 label
    kQualifiedName,   // key of a label or finalizer
    kLabels,          // a text map of labels
    kAnnotations,     // a text map with qualified keys
    kDateTime,        // RFC 3339
    kDigest,          // "sha256:<64 hex digits>"
    kModelReference,  // "pump:v1" or "pump@sha256:..."
    kPublicKey,       // one PEM "PUBLIC KEY" block
};

inline constexpr std::int64_t kMaxTextBytes = 1024;       // of a text that states no bound
inline constexpr std::int64_t kMaxListItems = 256;        // of a list that states no bound
inline constexpr std::int64_t kMaxMapEntries = 256;       // of a text map that states no bound
inline constexpr std::int64_t kMaxProseBytes = 16 << 10;  // descriptions and messages for people

struct Field {
    std::string name;
    FieldType type = FieldType::kText;
    std::string description;
    bool required = false;
    bool immutable = false;  // may not change once the object exists
    Format format = Format::kNone;
    std::vector<std::string> one_of;      // texts only; empty: any
    std::optional<std::int64_t> minimum;  // of an integer; of the size of a text or list
    std::optional<std::int64_t> maximum;
    json::Value fallback;       // filled in when absent; null: none
    std::vector<Field> fields;  // of an object: its members; of a list: exactly one, the item

    Field needed() &&;
    Field fixed() &&;
    Field as(Format format) &&;
    Field choices(std::vector<std::string> choices) &&;
    Field otherwise(json::Value fallback) &&;
    Field between(std::int64_t minimum, std::int64_t maximum) &&;
};

Field text(std::string_view name, std::string_view description);
Field prose(std::string_view name, std::string_view description);
Field integer(std::string_view name, std::string_view description);
Field truth(std::string_view name, std::string_view description);
Field timestamp(std::string_view name, std::string_view description);
Field object(std::string_view name, std::string_view description, std::vector<Field> fields);
Field list(std::string_view name, std::string_view description, Field item);
Field text_map(std::string_view name, std::string_view description);

// status.conditions, the same for every kind (api/conditions.h).
Field conditions();

// The rows of metadata.
const std::vector<Field>& metadata_fields();

const Field* find_field(const std::vector<Field>& fields, std::string_view name);

}  // namespace hf::api
