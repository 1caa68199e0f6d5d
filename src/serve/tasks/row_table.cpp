#include "serve/tasks/row_table.h"

#include <cmath>
#include <optional>

#include "base/text.h"
#include "serve/tasks/csv.h"

namespace hf::serve::tasks {
namespace {

// What a cell that is missing is.
Result<json::Value> missing_of(const Column& column) {
    if (column.missing) return *column.missing;
    return invalid_argument(
        "column '{}': the cell is missing; the declaration says nothing of what it is then "
        "(\"missing\")",
        column.name);
}

// A text in a column of numbers.
Result<json::Value> number_of_text(const Column& column, std::string_view text) {
    if (const auto found = column.values.find(text); found != column.values.end()) {
        return json::Value(found->second);
    }
    if (!column.values.empty()) {
        std::vector<std::string> known;
        for (const auto& [name, value] : column.values) known.push_back(name);
        return invalid_argument("column '{}': '{}' is not one of its values{}", column.name, text,
                                suggestion(text, known, "values"));
    }
    if (column.dtype == DType::kBool && (text == "true" || text == "false")) {
        return json::Value(text == "true");
    }
    const Result<std::int64_t> whole = parse_int(text);
    if (whole.ok()) return json::Value(*whole);
    const Result<double> real = parse_double(text);
    if (!real.ok() || !std::isfinite(*real)) {
        return invalid_argument("column '{}': '{}' is not a number", column.name, text);
    }
    return json::Value(*real);
}

Result<json::Value> cell_of_text(const Column& column, std::string_view text,
                                 const Marks& missing) {
    if (column.dtype == DType::kString) return json::Value(text);
    const std::string_view trimmed = trim(text);
    if (missing.contains(trimmed)) return missing_of(column);
    return number_of_text(column, trimmed);
}

Result<json::Value> cell_of_json(const Column& column, const json::Value* value) {
    if (!value || value->is_null()) return missing_of(column);
    if (value->is_string() && column.dtype == DType::kString) return *value;
    if (value->is_string() && !column.values.empty()) {
        return number_of_text(column, json::as_view(value->get_string()));
    }
    const bool number = value->is_number() || value->is_bool();
    if (number && column.dtype != DType::kString) {
        if (!value->is_bool() || column.dtype == DType::kBool) return *value;
        return json::Value(value->get_bool() ? 1 : 0);
    }
    return invalid_argument("column '{}': want a {}", column.name,
                            column.dtype == DType::kString ? "string" : "number");
}

// Of each cell of a record, its column.
using Order = std::vector<std::size_t>;

std::optional<Order> order_by_names(const std::vector<std::string>& names, const Columns& columns) {
    Order order;
    for (const std::string& name : names) {
        const Result<std::size_t> column = columns.find(trim(name));
        if (!column.ok()) return std::nullopt;
        order.push_back(*column);
    }
    return order;
}

Result<Order> order_by_header(const std::vector<std::string>& names, const Columns& columns) {
    Order order;
    for (const std::string& name : names) order.push_back(HF_TRY(columns.find(trim(name))));
    return order;
}

// Every column once.
Status check_order(const Order& order, const Columns& columns) {
    std::vector<bool> seen(columns.all().size(), false);
    for (const std::size_t column : order) {
        if (seen[column]) {
            return invalid_argument("column '{}' is there twice", columns.all()[column].name);
        }
        seen[column] = true;
    }
    for (std::size_t i = 0; i < seen.size(); ++i) {
        if (!seen[i]) return invalid_argument("column '{}' is missing", columns.all()[i].name);
    }
    return {};
}

struct Header {
    Order order;
    bool present = false;
};
Result<Header> read_header(const CsvRecord& first, std::string_view media_type,
                           const Columns& columns) {
    const std::string type = to_lower(media_type);
    const bool absent = type.find("header=absent") != std::string::npos;
    Header header;
    if (type.find("header=present") != std::string::npos) {
        header = {HF_TRY(order_by_header(first.cells, columns)), true};
    } else if (const auto order = absent ? std::nullopt : order_by_names(first.cells, columns)) {
        header = {*order, true};
    }
    if (header.present) {
        HF_TRY(check_order(header.order, columns));
        return header;
    }
    if (first.cells.size() != columns.all().size()) {
        return invalid_argument(
            "has {} cells, and there are {} columns; a header, if this is one, holds their names",
            first.cells.size(), columns.all().size());
    }
    for (std::size_t i = 0; i < columns.all().size(); ++i) header.order.push_back(i);
    return header;
}

Result<RowTable> rows_of_csv(const Body& body, const Columns& columns, const Marks& missing) {
    const std::string_view text = as_text(body.bytes);
    if (!is_utf8(text)) return invalid_argument("the rows are not in UTF-8");
    const std::vector<CsvRecord> records = HF_TRY(parse_csv(text));
    RowTable table;
    if (records.empty()) return table;
    const Header header = HF_TRY(
        read_header(records[0], body.media_type, columns).context("line {}", records[0].line));
    const std::size_t width = columns.all().size();
    table.rows = records.size() - (header.present ? 1 : 0);
    table.cells.resize(table.rows * width);
    for (std::size_t row = 0; row < table.rows; ++row) {
        const CsvRecord& record = records[row + (header.present ? 1 : 0)];
        for (std::size_t i = 0; i < width; ++i) {
            const std::size_t column = header.order[i];
            table.cells[row * width + column] =
                HF_TRY(cell_of_text(columns.all()[column], record.cells[i], missing)
                           .context("line {}", record.line));
        }
    }
    return table;
}

Status add_array(const json::Array& row, const Columns& columns, json::Array& cells) {
    if (row.size() != columns.all().size()) {
        return invalid_argument("has {} cells, and there are {} columns", row.size(),
                                columns.all().size());
    }
    for (std::size_t i = 0; i < row.size(); ++i) {
        cells.push_back(HF_TRY(cell_of_json(columns.all()[i], &row[i])));
    }
    return {};
}

Status add_object(const json::Object& row, const Columns& columns, json::Array& cells) {
    for (const auto& member : row) HF_TRY(columns.find(std::string_view(member.key())).status());
    for (const Column& column : columns.all()) {
        cells.push_back(HF_TRY(cell_of_json(column, row.if_contains(column.name))));
    }
    return {};
}

Result<const json::Array*> rows_of(const json::Value& value) {
    if (value.is_array()) return &value.get_array();
    const json::Array* const rows = json::find_array(value, "rows");
    if (!rows) return invalid_argument("want {{\"rows\": [...]}}, or an array of rows");
    for (const auto& member : value.get_object()) {
        if (member.key() == "rows") continue;
        return invalid_argument("/{}: there is no such field; want \"rows\" alone",
                                std::string_view(member.key()));
    }
    return rows;
}

Result<RowTable> rows_of_json(ByteView body, const Columns& columns) {
    const json::Value value = HF_TRY(json::parse(as_text(body), body.size()));
    const json::Array& rows = *HF_TRY(rows_of(value));
    if (rows.size() > kMaxRows || rows.size() * columns.all().size() > kMaxCells) {
        return resource_exhausted("{} rows; at most {} rows and {} cells", rows.size(), kMaxRows,
                                  kMaxCells);
    }
    RowTable table;
    table.rows = rows.size();
    for (std::size_t i = 0; i < rows.size(); ++i) {
        Status added;
        if (rows[i].is_array()) {
            added = add_array(rows[i].get_array(), columns, table.cells);
        } else if (rows[i].is_object()) {
            added = add_object(rows[i].get_object(), columns, table.cells);
        } else {
            added = invalid_argument("want an array or an object");
        }
        HF_TRY(added.context("/rows/{}", i));
    }
    return table;
}

bool is_json(const Body& body) {
    const std::string type = to_lower(body.media_type);
    if (type.starts_with("application/json")) return true;
    if (type.starts_with("text/csv")) return false;
    const std::string_view text = trim(as_text(body.bytes));
    return text.starts_with('{') || text.starts_with('[');
}

}  // namespace

Result<RowTable> read_rows(const Body& body, const Columns& columns, const Marks& missing) {
    RowTable table = HF_TRY(is_json(body) ? rows_of_json(body.bytes, columns)
                                          : rows_of_csv(body, columns, missing));
    if (table.rows == 0) return invalid_argument("there are no rows");
    if (table.rows * columns.all().size() > kMaxCells) {
        return resource_exhausted("more than {} cells", kMaxCells);
    }
    return table;
}

}  // namespace hf::serve::tasks
