// The task "rows": CSV or JSON rows in, for each what the model answers for it, and labels where
// the declaration has some.

#include <optional>

#include "serve/tasks/kinds.h"
#include "serve/tasks/row_table.h"
#include "serve/tasks/scores.h"
#include "tensor/json.h"

namespace hf::serve::tasks {
namespace {

// A row's part of an output: one value, or a list of them.
json::Value part_of(const json::Array& all, std::size_t row, std::size_t width) {
    if (width == 1) return all[row];
    const auto from = all.begin() + static_cast<std::ptrdiff_t>(row * width);
    return json::Array(from, from + static_cast<std::ptrdiff_t>(width));
}

class Rows final : public Task {
public:
    Rows(const runtime::Signature& signature, Columns columns, Marks missing,
         std::optional<Scores> scores)
        : outputs_(signature.outputs),
          columns_(std::move(columns)),
          missing_(std::move(missing)),
          scores_(std::move(scores)) {}

    std::string_view kind() const override { return "rows"; }

    json::Object describe() const override {
        json::Array names;
        for (const Column& column : columns_.all()) {
            json::Object about{{"name", column.name}, {"datatype", oip_name(column.dtype)}};
            json::Array values;
            for (const auto& [text, number] : column.values) values.emplace_back(text);
            if (!values.empty()) about["values"] = std::move(values);
            names.push_back(std::move(about));
        }
        json::Object about{
            {"input", json::Object{{"media_types", json::Array{"text/csv", "application/json"}},
                                   {"columns", std::move(names)}}}};
        if (scores_) about["output"] = scores_->describe();
        return about;
    }

    Result<Prepared> read(const Body& body) const override {
        const RowTable table = HF_TRY(read_rows(body, columns_, missing_));
        Prepared prepared;
        prepared.rows = table.rows;
        prepared.inputs = HF_TRY(columns_.to_inputs(table.cells, table.rows));
        return prepared;
    }

    Result<json::Object> write(const std::vector<Tensor>& outputs,
                               const Prepared& prepared) const override {
        std::vector<json::Object> rows(prepared.rows);
        for (std::size_t i = 0; i < outputs.size(); ++i) {
            HF_TRY(add_output(outputs_[i].name, outputs[i], rows));
        }
        if (scores_) HF_TRY(add_labels(outputs, rows));
        json::Array all;
        for (json::Object& row : rows) all.push_back(std::move(row));
        return json::Object{{"outputs", std::move(all)}};
    }

private:
    static Status add_output(const std::string& name, const Tensor& output,
                             std::vector<json::Object>& rows) {
        const auto elements = static_cast<std::size_t>(output.elements());
        const bool by_row = output.shape().rank() > 0 &&
                            output.shape()[0] == static_cast<std::int64_t>(rows.size());
        if (!by_row && rows.size() > 1) {
            return failed_precondition("the model's output '{}' has shape {} for {} rows", name,
                                       output.shape().to_string(), rows.size());
        }
        const json::Array values = HF_TRY(tensor_to_json(output));
        const std::size_t width = elements / rows.size();
        for (std::size_t row = 0; row < rows.size(); ++row) {
            rows[row][name] = part_of(values, row, width);
        }
        return {};
    }

    Status add_labels(const std::vector<Tensor>& outputs, std::vector<json::Object>& rows) const {
        const std::vector<float> scores = HF_TRY(scores_->all(outputs, rows.size()));
        const std::size_t width = scores.size() / rows.size();
        for (std::size_t row = 0; row < rows.size(); ++row) {
            rows[row]["labels"] =
                scores_->best(std::span<const float>(scores).subspan(row * width, width));
        }
        return {};
    }

    const std::vector<runtime::Port> outputs_;
    const Columns columns_;
    const Marks missing_;
    const std::optional<Scores> scores_;
};

}  // namespace

MadeTask make_rows(const Making& making) {
    const Fields& fields = making.fields;
    HF_TRY(fields.only({"kind", "columns", "missing_marks", "labels", "output",
                        "output_quantization", "scores", "threshold", "top_k"}));
    Columns columns = HF_TRY(Columns::read(fields, making.signature));
    Marks missing{""};
    if (fields.has("missing_marks")) {
        const std::vector<std::string> marks = HF_TRY(fields.texts("missing_marks"));
        missing = Marks(marks.begin(), marks.end());
    }
    std::optional<Scores> scores;
    if (fields.has("labels")) scores = HF_TRY(Scores::read(fields, making.signature));
    for (const std::string_view key :
         {"output", "output_quantization", "scores", "threshold", "top_k"}) {
        if (!scores && fields.has(key)) {
            return invalid_argument("{}: goes with labels, and there are none", fields.place(key));
        }
    }
    return std::make_shared<const Rows>(making.signature, std::move(columns), std::move(missing),
                                        std::move(scores));
}

}  // namespace hf::serve::tasks
