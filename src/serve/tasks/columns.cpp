#include "serve/tasks/columns.h"

#include <set>

#include "base/text.h"
#include "serve/signature_check.h"
#include "tensor/json.h"

namespace hf::serve::tasks {
namespace {

constexpr std::size_t kMaxColumns = 65'536;

Status read_values(const Fields& fields, Column& column) {
    const std::optional<Fields> values = HF_TRY(fields.child("values"));
    if (!values) return {};
    if (column.dtype == DType::kString) {
        return invalid_argument("{}: the model takes '{}' as text, which stands for itself",
                                values->at(), column.name);
    }
    for (const auto& member : values->object()) {
        const std::string_view key = member.key();
        column.values.emplace(key, HF_TRY(values->number(key, 0)));
    }
    return {};
}

// "missing": a number, or "nan".
Status read_missing(const Fields& fields, Column& column) {
    if (!fields.has("missing")) return {};
    const json::Value& value = fields.object().at("missing");
    const bool nan = value.is_string() && value.get_string() == "nan";
    if (nan && is_float(column.dtype)) {
        column.missing = json::Value(nullptr);  // how tensors are read of JSON
        return {};
    }
    if (column.dtype == DType::kString ? !value.is_string() : !value.is_number()) {
        return invalid_argument("{}: want what '{}' is then: {}", fields.place("missing"),
                                column.name,
                                column.dtype == DType::kString ? "a text"
                                : is_float(column.dtype)       ? "a number or \"nan\""
                                                               : "a number");
    }
    column.missing = value;
    return {};
}

Status read_column(const json::Value& value, const std::string& place, Column& column) {
    if (value.is_string()) return {};
    const Fields fields = HF_TRY(Fields::of(value, place));
    HF_TRY(fields.only({"name", "values", "missing"}));
    HF_TRY(read_values(fields, column));
    return read_missing(fields, column);
}

Result<std::string> name_of(const json::Value& value, const std::string& place) {
    if (value.is_string()) return std::string(json::as_view(value.get_string()));
    const Fields fields = HF_TRY(Fields::of(value, place));
    return fields.text("name", "");
}

bool is_column(const Shape& shape) {
    return shape.rank() == 1 || (shape.rank() == 2 && shape[1] == 1);
}

}  // namespace

bool Columns::is_table(const runtime::Signature& signature) const {
    return signature.inputs.size() == 1 && signature.inputs[0].shape.rank() == 2 &&
           signature.inputs[0].shape[1] != 1;
}

// Names and inputs of the columns; what else there is to say of them comes later.
Status Columns::take_ports(const Fields& fields, const runtime::Signature& signature) {
    ports_ = signature.inputs;
    inputs_.resize(ports_.size());
    if (is_table(signature)) {
        const std::int64_t width = ports_[0].shape[1];
        const bool named = !columns_.empty();
        if (!named &&
            (width == Shape::kUnknown || width > static_cast<std::int64_t>(kMaxColumns))) {
            return invalid_argument("{}: is missing, and the input '{}' has shape {}",
                                    fields.place("columns"), ports_[0].name,
                                    ports_[0].shape.to_string());
        }
        for (std::int64_t i = 0; !named && i < width; ++i) {
            columns_.push_back({fmt::format("{}", i)});
        }
        if (width != Shape::kUnknown && width != static_cast<std::int64_t>(columns_.size())) {
            return invalid_argument("{}: there are {}, and the input '{}' has {}",
                                    fields.place("columns"), columns_.size(), ports_[0].name,
                                    width);
        }
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            columns_[i].dtype = ports_[0].dtype;
            inputs_[0].push_back(i);
        }
        return {};
    }
    for (const runtime::Port& port : ports_) {
        if (!is_column(port.shape)) {
            return invalid_argument("{}: the input '{}' has shape {}; rows want Nx1 or one NxF",
                                    fields.place("columns"), port.name, port.shape.to_string());
        }
        if (!fields.has("columns")) columns_.push_back({port.name});
    }
    if (columns_.size() != ports_.size()) {
        return invalid_argument("{}: there are {}, and the model has {} inputs: {}",
                                fields.place("columns"), columns_.size(), ports_.size(),
                                names_of(ports_));
    }
    for (std::size_t i = 0; i < ports_.size(); ++i) {
        const std::size_t column = HF_TRY(find(ports_[i].name).context("/columns"));
        columns_[column].dtype = ports_[i].dtype;
        inputs_[i].push_back(column);
    }
    return {};
}

Status Columns::read_columns(const Fields& fields, const runtime::Signature& signature) {
    const std::string place = fields.place("columns");
    static const json::Array kNone;
    const json::Value* const given = fields.object().if_contains("columns");
    if (given && !given->is_array()) return invalid_argument("{}: want an array", place);
    const json::Array& rows = given ? given->get_array() : kNone;
    if (rows.size() > kMaxColumns) {
        return resource_exhausted("{}: more than {}", place, kMaxColumns);
    }
    std::set<std::string> names;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const std::string at = fmt::format("{}/{}", place, i);
        std::string name = HF_TRY(name_of(rows[i], at));
        if (name.empty()) return invalid_argument("{}: it has no name", at);
        if (!names.insert(name).second) return invalid_argument("{}: '{}' is twice", at, name);
        columns_.push_back({std::move(name)});
    }
    HF_TRY(take_ports(fields, signature));
    for (std::size_t i = 0; i < rows.size(); ++i) {
        HF_TRY(read_column(rows[i], fmt::format("{}/{}", place, i), columns_[i]));
    }
    return {};
}

Result<Columns> Columns::read(const Fields& fields, const runtime::Signature& signature) {
    Columns columns;
    HF_TRY(columns.read_columns(fields, signature));
    if (columns.columns_.empty()) return invalid_argument("the model takes no columns");
    return columns;
}

Result<std::size_t> Columns::find(std::string_view name) const {
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        if (columns_[i].name == name) return i;
    }
    std::vector<std::string> names;
    for (const Column& column : columns_) names.push_back(column.name);
    return invalid_argument("there is no column '{}'{}", name, suggestion(name, names, "columns"));
}

Result<std::vector<Tensor>> Columns::to_inputs(const json::Array& cells, std::size_t rows) const {
    std::vector<Tensor> inputs;
    for (std::size_t i = 0; i < ports_.size(); ++i) {
        const runtime::Port& port = ports_[i];
        const auto count = static_cast<std::int64_t>(rows);
        if (port.shape[0] != Shape::kUnknown && port.shape[0] != count) {
            return invalid_argument("there are {} rows, and the model takes {} at a time", rows,
                                    port.shape[0]);
        }
        json::Array values;
        values.reserve(rows * inputs_[i].size());
        for (std::size_t row = 0; row < rows; ++row) {
            for (const std::size_t column : inputs_[i]) {
                values.push_back(cells[row * columns_.size() + column]);
            }
        }
        Shape shape{count};
        if (port.shape.rank() == 2) {
            shape = Shape{count, static_cast<std::int64_t>(inputs_[i].size())};
        }
        inputs.push_back(
            HF_TRY(tensor_from_json(values, port.dtype, shape).context("input '{}'", port.name)));
    }
    return inputs;
}

}  // namespace hf::serve::tasks
