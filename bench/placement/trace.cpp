#include "trace.h"

#include <zlib.h>

#include <charconv>
#include <map>
#include <memory>
#include <string_view>

namespace hf::bench {
namespace {

using control::place::kDeviceMilli;
using control::place::Node;

std::vector<std::string> split(std::string_view text, char separator) {
    std::vector<std::string> parts;
    for (;;) {
        const std::size_t end = text.find(separator);
        parts.emplace_back(text.substr(0, end));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

// Rows of text by name of the column.
struct Table {
    std::map<std::string, std::size_t> columns;
    std::vector<std::vector<std::string>> rows;
    std::string path;

    Result<std::string> text(std::size_t row, const std::string& column) const {
        const auto found = columns.find(column);
        if (found == columns.end() || found->second >= rows[row].size()) {
            return invalid_argument("{}: row {} has no column {}", path, row + 1, column);
        }
        return rows[row][found->second];
    }

    Result<std::int64_t> integer(std::size_t row, const std::string& column) const {
        const std::string cell = HF_TRY(text(row, column));
        std::int64_t value = 0;
        const char* end = cell.data() + cell.size();
        const auto [stop, error] = std::from_chars(cell.data(), end, value);
        if (error != std::errc() || stop != end) {
            return invalid_argument("{}: row {}: {} is '{}'; want an integer", path, row + 1,
                                    column, cell);
        }
        return value;
    }
};

Result<Table> read_table(const std::string& path) {
    const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rb"), gzclose);
    if (!file) return not_found("{}: cannot be opened", path);
    std::string text;
    std::vector<char> buffer(1 << 16);
    int count = 0;
    while ((count = gzread(file.get(), buffer.data(), static_cast<unsigned>(buffer.size()))) > 0) {
        text.append(buffer.data(), static_cast<std::size_t>(count));
    }
    if (count < 0) return data_loss("{}: is no gzip file", path);
    Table table;
    table.path = path;
    for (const std::string& line : split(text, '\n')) {
        if (line.empty()) continue;
        std::vector<std::string> cells = split(line, ',');
        if (!table.columns.empty()) {
            table.rows.push_back(std::move(cells));
            continue;
        }
        for (std::size_t i = 0; i < cells.size(); ++i) table.columns[cells[i]] = i;
    }
    return table;
}

Result<Node> read_node(const Table& table, std::size_t row) {
    Node node;
    node.name = HF_TRY(table.text(row, "sn"));
    node.site = "openb";
    node.cpu_milli = HF_TRY(table.integer(row, "cpu_milli"));
    node.memory_mib = HF_TRY(table.integer(row, "memory_mib"));
    const std::int64_t gpus = HF_TRY(table.integer(row, "gpu"));
    node.gpus = static_cast<int>(gpus);
    node.device_kind = HF_TRY(table.text(row, "model"));
    if (node.device_kind.empty()) node.device_kind = "cpu";
    return node;
}

Result<Pod> read_pod(const Table& table, std::size_t row) {
    Pod pod;
    pod.demand.cpu_milli = HF_TRY(table.integer(row, "cpu_milli"));
    pod.demand.memory_mib = HF_TRY(table.integer(row, "memory_mib"));
    const std::int64_t gpus = HF_TRY(table.integer(row, "num_gpu"));
    const std::int64_t milli = HF_TRY(table.integer(row, "gpu_milli"));
    pod.demand.gpus = static_cast<int>(gpus);
    pod.demand.gpu_milli = gpus == 0 ? 0 : static_cast<int>(milli);
    if (table.columns.contains("gpu_spec")) {
        const std::string kinds = HF_TRY(table.text(row, "gpu_spec"));
        if (!kinds.empty()) pod.device_kinds = split(kinds, '|');
    }
    HF_TRY(control::place::check(pod.demand).context("{}: row {}", table.path, row + 1));
    return pod;
}

}  // namespace

Result<Trace> read_trace(const std::string& folder, const std::string& workload) {
    const Table nodes = HF_TRY(read_table(folder + "/openb_node_list_gpu_node.csv.gz"));
    const Table pods = HF_TRY(read_table(folder + "/openb_pod_list_" + workload + ".csv.gz"));
    Trace trace;
    for (std::size_t row = 0; row < nodes.rows.size(); ++row) {
        Node node = HF_TRY(read_node(nodes, row));
        trace.nodes.push_back(std::move(node));
        trace.gpu_capacity_milli += std::int64_t{trace.nodes.back().gpus} * kDeviceMilli;
    }
    for (std::size_t row = 0; row < pods.rows.size(); ++row) {
        Pod pod = HF_TRY(read_pod(pods, row));
        trace.pods.push_back(std::move(pod));
    }
    return trace;
}

Result<Published> read_published(const std::string& folder, const std::string& workload,
                                 const std::string& policy) {
    const Table table = HF_TRY(read_table(folder + "/expected/analysis_allo_discrete.csv.gz"));
    Published result;
    for (std::size_t row = 0; row < table.rows.size(); ++row) {
        const std::string which = HF_TRY(table.text(row, "workload"));
        const std::string how = HF_TRY(table.text(row, "sc_policy"));
        if (which != "openb_pod_list_" + workload || how != policy) continue;
        const std::string cell = HF_TRY(table.text(row, "100"));
        double value = 0;
        std::from_chars(cell.data(), cell.data() + cell.size(), value);
        result.mean += value;
        ++result.seeds;
    }
    if (result.seeds == 0) return not_found("{}: no rows of {}", table.path, policy);
    result.mean /= result.seeds;
    return result;
}

}  // namespace hf::bench
