// Kind: what one sort of resource is: its names, scope, fields and printer columns. One file a kind
// under api/kinds/; api/kinds.h lists them. Thread-safety: immutable values that live for ever.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/field.h"
#include "api/object.h"

namespace hf::api {

// A column of `kubectl get`. The path is made of member names and "[type=Ready]" selections:
// "status.conditions[type=Ready].status". A time column shows the time since.
struct Column {
    std::string name;
    std::string path;
    std::string description;
    std::string type = "string";  // "string", "integer" or "date"
    bool wide = false;            // only with -o wide
};

struct Kind {
    std::string name;    // "ModelVersion"
    std::string plural;  // "modelversions": the resource in paths and access rules
    std::string singular;
    std::vector<std::string> short_names;
    std::string description;
    bool namespaced = true;
    std::vector<Field> fields;    // besides apiVersion, kind and metadata
    std::vector<Column> columns;  // between NAME and AGE

    bool has_spec() const { return find_field(fields, "spec") != nullptr; }
    bool has_status() const { return find_field(fields, "status") != nullptr; }

    // "services.holdfast.dev", as messages name it.
    std::string qualified() const { return plural + "." + std::string(kGroup); }
};

}  // namespace hf::api
