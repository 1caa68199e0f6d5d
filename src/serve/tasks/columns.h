// Columns: what the cells of a row are called, and which place in which input of a model each has.
//
// A model takes rows in one of two forms: one input of shape NxF, with a column for each of F, or
// an input of shape N or Nx1 for each column, whose name is the input's. Either may be of any type.
//
// Immutable once made; from any thread. Pure.

#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "serve/tasks/fields.h"
#include "serve/tasks/task.h"

namespace hf::serve::tasks {

struct Column {
    std::string name;
    DType dtype = DType::kF32;
    std::map<std::string, double, std::less<>> values = {};  // numbers that texts stand for
    std::optional<json::Value> missing = {};  // what stands for a cell that is missing
};

class Columns final {
public:
    // Of the member "columns" of a declaration; where it is missing, the columns of an NxF input
    // are called "0", "1" and so on, and others are the inputs in order.
    static Result<Columns> read(const Fields& fields, const runtime::Signature& signature);

    const std::vector<Column>& all() const { return columns_; }

    // INVALID_ARGUMENT names one that is near.
    Result<std::size_t> find(std::string_view name) const;

    // The model's inputs of `rows` rows of cells, which are as their columns want them.
    // INVALID_ARGUMENT when the model takes another number of rows at a time.
    Result<std::vector<Tensor>> to_inputs(const json::Array& cells, std::size_t rows) const;

private:
    Status read_columns(const Fields& fields, const runtime::Signature& signature);
    Status take_ports(const Fields& fields, const runtime::Signature& signature);
    bool is_table(const runtime::Signature& signature) const;

    std::vector<Column> columns_;
    std::vector<std::vector<std::size_t>> inputs_;  // of each input, its columns in order
    std::vector<runtime::Port> ports_;
};

}  // namespace hf::serve::tasks
