// Objects as tables: meta.k8s.io/v1 Table for kubectl, and plain cells for our own commands.
// Columns are NAME, those of the kind, AGE. Pure functions.

#pragma once

#include <string>
#include <vector>

#include "api/kind.h"
#include "base/time.h"

namespace hf::api {

enum class IncludeObject : unsigned char { kMetadata, kObject, kNone };

struct TableOptions {
    Instant now;
    IncludeObject include = IncludeObject::kMetadata;
    bool column_definitions = true;  // later events of a watch leave them out
    std::string resource_version;    // of the list
    std::string next_page;           // continue token of the list
    std::string api_version = "meta.k8s.io/v1";
};

json::Value to_table(const Kind& kind, const std::vector<Object>& objects,
                     const TableOptions& options);

// Column heads and one row an object, as text; the wide columns only when `wide`.
std::vector<std::string> column_names(const Kind& kind, bool wide);
std::vector<std::string> cells(const Kind& kind, const Object& object, Instant now, bool wide);

// "5s", "3m20s", "47m", "2h5m", "3d4h": kubectl's form.
std::string human_age(Duration age);

}  // namespace hf::api
