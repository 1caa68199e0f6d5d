#include "api/table.h"

#include <algorithm>

#include "base/text.h"

namespace hf::api {
namespace {

std::vector<Column> all_columns(const Kind& kind) {
    std::vector<Column> columns{{"Name", "metadata.name", "Unique in its namespace."}};
    columns.insert(columns.end(), kind.columns.begin(), kind.columns.end());
    columns.push_back({"Age", "metadata.creationTimestamp", "Time since it was made.", "date"});
    return columns;
}

// One step of a path: "conditions[type=Ready]" picks the item of a list.
const json::Value* step(const json::Value& at, std::string_view part) {
    const std::size_t open = part.find('[');
    if (open == std::string_view::npos) return json::find(at, part);
    const json::Array* items = json::find_array(at, part.substr(0, open));
    if (!items) return nullptr;
    const std::string_view wanted = part.substr(open + 1, part.size() - open - 2);
    const std::size_t equals = wanted.find('=');
    for (const json::Value& item : *items) {
        if (json::get_string(item, wanted.substr(0, equals)) == wanted.substr(equals + 1))
            return &item;
    }
    return nullptr;
}

const json::Value* find(const Object& object, std::string_view path) {
    const json::Value* at = &object.json();
    for (std::string_view part : split(path, '.')) {
        at = step(*at, part);
        if (!at) return nullptr;
    }
    return at;
}

std::string plain(const json::Value& value) {
    if (value.is_string()) return std::string(json::as_view(value.get_string()));
    if (const json::Array* items = value.if_array()) {
        std::vector<std::string> parts;
        for (const json::Value& item : *items) parts.push_back(plain(item));
        return join(parts, ",");
    }
    return json::write(value);
}

json::Value cell(const Column& column, const Object& object, Instant now) {
    const json::Value* value = find(object, column.path);
    if (!value) return column.type == "date" ? json::Value("<unknown>") : json::Value("");
    if (column.type == "integer" && value->is_int64()) return *value;
    const std::string text = plain(*value);
    if (column.type != "date") return json::Value(text);
    const Result<Instant> since = parse_rfc3339(text);
    return json::Value(since.ok() ? human_age(now - *since) : "<unknown>");
}

json::Value partial_metadata(const Object& object) {
    return json::Object{{"kind", "PartialObjectMetadata"},
                        {"apiVersion", "meta.k8s.io/v1"},
                        {"metadata", object.metadata()}};
}

}  // namespace

json::Value to_table(const Kind& kind, const std::vector<Object>& objects,
                     const TableOptions& options) {
    const std::vector<Column> columns = all_columns(kind);
    json::Object metadata;
    if (!options.resource_version.empty()) metadata["resourceVersion"] = options.resource_version;
    if (!options.next_page.empty()) metadata["continue"] = options.next_page;
    json::Array definitions;
    for (const Column& column : columns) {
        definitions.push_back(json::Object{{"name", column.name},
                                           {"type", column.type == "date" ? "string" : column.type},
                                           {"format", column.path == "metadata.name" ? "name" : ""},
                                           {"description", column.description},
                                           {"priority", column.wide ? 1 : 0}});
    }
    json::Array rows;
    for (const Object& object : objects) {
        json::Array values;
        for (const Column& column : columns) values.push_back(cell(column, object, options.now));
        json::Object row{{"cells", std::move(values)}};
        if (options.include == IncludeObject::kMetadata) row["object"] = partial_metadata(object);
        if (options.include == IncludeObject::kObject) row["object"] = object.json();
        rows.emplace_back(std::move(row));
    }
    json::Object table{
        {"kind", "Table"}, {"apiVersion", options.api_version}, {"metadata", std::move(metadata)}};
    if (!options.column_definitions) definitions.clear();
    table["columnDefinitions"] = std::move(definitions);
    table["rows"] = std::move(rows);
    return table;
}

std::vector<std::string> column_names(const Kind& kind, bool wide) {
    std::vector<std::string> names;
    for (const Column& column : all_columns(kind)) {
        std::string name = column.name;
        std::transform(name.begin(), name.end(), name.begin(),
                       [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
        if (wide || !column.wide) names.push_back(std::move(name));
    }
    return names;
}

std::vector<std::string> cells(const Kind& kind, const Object& object, Instant now, bool wide) {
    std::vector<std::string> texts;
    for (const Column& column : all_columns(kind)) {
        if (wide || !column.wide) texts.push_back(plain(cell(column, object, now)));
    }
    return texts;
}

std::string human_age(Duration age) {
    using std::chrono::duration_cast;
    const std::int64_t seconds = duration_cast<std::chrono::seconds>(age).count();
    const std::int64_t minutes = seconds / 60, hours = minutes / 60, days = hours / 24;
    const auto two = [](std::int64_t major, char a, std::int64_t minor, char b) {
        return minor == 0 ? fmt::format("{}{}", major, a)
                          : fmt::format("{}{}{}{}", major, a, minor, b);
    };
    if (seconds < 0) return seconds < -1 ? "<invalid>" : "0s";
    if (seconds < 2 * 60) return fmt::format("{}s", seconds);
    if (minutes < 10) return two(minutes, 'm', seconds % 60, 's');
    if (minutes < 3 * 60) return fmt::format("{}m", minutes);
    if (hours < 8) return two(hours, 'h', minutes % 60, 'm');
    if (hours < 48) return fmt::format("{}h", hours);
    if (days < 8) return two(days, 'd', hours % 24, 'h');
    if (days < 2 * 365) return fmt::format("{}d", days);
    if (days < 8 * 365) return two(days / 365, 'y', days % 365, 'd');
    return fmt::format("{}y", days / 365);
}

}  // namespace hf::api
