#include "cli/table_text.h"

#include <algorithm>

namespace hf::cli {
namespace {

constexpr std::size_t kGap = 3;

std::string text_of(const json::Value& cell) {
    std::string text = cell.is_string() ? std::string(json::as_view(cell.get_string()))
                       : cell.is_null() ? std::string()
                                        : json::write(cell);
    // What a resource says must not steer the terminal.
    std::replace_if(
        text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
    return text.empty() ? "<none>" : text;
}

std::string upper(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    return out;
}

}  // namespace

std::vector<std::string> TableText::cells_of(const json::Value& row) const {
    std::vector<std::string> cells;
    if (options_.namespaces) {
        const json::Value* ns = json::find_path(row, {"object", "metadata", "namespace"});
        cells.push_back(text_of(ns ? *ns : json::Value()));
    }
    const json::Array* given = json::find_array(row, "cells");
    for (const std::size_t at : shown_) {
        cells.push_back(text_of(given && at < given->size() ? (*given)[at] : json::Value()));
    }
    return cells;
}

std::string TableText::add(const json::Value& table) {
    std::vector<std::vector<std::string>> lines;
    const json::Array* rows = json::find_array(table, "rows");
    if (!rows || rows->empty()) return {};
    if (widths_.empty()) {
        std::vector<std::string> heads;
        if (options_.namespaces) heads.emplace_back("NAMESPACE");
        const json::Array* columns = json::find_array(table, "columnDefinitions");
        for (std::size_t at = 0; columns && at < columns->size(); ++at) {
            const json::Value& column = (*columns)[at];
            if (json::get_int(column, "priority") > 0 && !options_.wide) continue;
            shown_.push_back(at);
            heads.push_back(upper(json::get_string(column, "name")));
        }
        lines.push_back(std::move(heads));
    }
    for (const json::Value& row : *rows) lines.push_back(cells_of(row));
    if (widths_.empty()) {
        widths_.resize(lines.front().size());
        for (const auto& line : lines) {
            for (std::size_t i = 0; i < line.size(); ++i) {
                widths_[i] = std::max(widths_[i], line[i].size());
            }
        }
    }
    std::string text;
    for (const auto& line : lines) {
        for (std::size_t i = 0; i < line.size(); ++i) {
            const bool last = i + 1 == line.size();
            text += last ? line[i] + "\n" : fmt::format("{:<{}}", line[i], widths_[i] + kGap);
        }
    }
    return text;
}

}  // namespace hf::cli
