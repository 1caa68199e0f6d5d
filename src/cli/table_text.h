// A meta.k8s.io/v1 Table as columns of text, as `kubectl get` shows it.

#pragma once

#include <string>
#include <vector>

#include "base/json.h"

namespace hf::cli {

class TableText final {
public:
    struct Options {
        bool wide = false;        // columns of lower priority too
        bool namespaces = false;  // a column in front
    };

    explicit TableText(Options options) : options_(options) {}

    // The rows of `table`, below the heads when these are the first. Columns are as wide as the
    // first rows need; empty when there is no row.
    std::string add(const json::Value& table);

private:
    std::vector<std::string> cells_of(const json::Value& row) const;

    const Options options_;
    std::vector<std::size_t> shown_;  // which cells of a row
    std::vector<std::size_t> widths_;
};

}  // namespace hf::cli
