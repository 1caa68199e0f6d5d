#include <map>

#include "base/json.h"
#include "cli/commands.h"
#include "cli/model_file.h"
#include "graph/load.h"
#include "graph/text.h"
#include "runtime/optimize.h"
#include "runtime/plan_file.h"

namespace hf::cli {
namespace {

json::Value describe_values(const graph::Graph& graph, const std::vector<graph::ValueId>& ids) {
    json::Array ports;
    for (graph::ValueId id : ids) {
        const graph::Value& value = graph.value(id);
        json::Object port;
        port["name"] = value.name;
        port["dtype"] = value.dtype ? std::string(dtype_name(*value.dtype)) : "unknown";
        port["shape"] = value.shape ? value.shape->to_string() : "unknown";
        ports.push_back(std::move(port));
    }
    return ports;
}

std::map<std::string, int> count_operators(const graph::Graph& graph) {
    std::map<std::string, int> counts;
    for (const graph::Node& node : graph.nodes) {
        ++counts[node.domain.empty() ? node.op : node.domain + "." + node.op];
    }
    return counts;
}

json::Object describe_graph(const graph::Graph& graph, graph::Format format) {
    json::Object summary;
    summary["format"] = std::string(graph::format_name(format));
    summary["name"] = graph.name;
    summary["inputs"] = describe_values(graph, graph.inputs);
    summary["outputs"] = describe_values(graph, graph.outputs);
    summary["nodes"] = graph.nodes.size();
    std::uint64_t weight_bytes = 0;
    for (const graph::Value& value : graph.values) {
        if (value.constant) weight_bytes += value.constant->bytes().size();
    }
    summary["weightBytes"] = weight_bytes;
    json::Object operators;
    for (const auto& [name, count] : count_operators(graph)) operators[name] = count;
    summary["operators"] = std::move(operators);
    json::Object metadata;
    for (const auto& [key, text] : graph.metadata) metadata[key] = text;
    summary["metadata"] = std::move(metadata);
    return summary;
}

void print_ports(World& world, std::string_view title, const json::Value& ports) {
    for (const json::Value& port : ports.as_array()) {
        world.out(fmt::format("{:8} {} {}[{}]\n", title, json::get_string(port, "name"),
                              json::get_string(port, "dtype"), json::get_string(port, "shape")));
    }
}

void print_summary(World& world, const json::Object& summary) {
    world.out(fmt::format("format   {}\n", json::get_string(summary, "format")));
    print_ports(world, "input", *summary.if_contains("inputs"));
    print_ports(world, "output", *summary.if_contains("outputs"));
    world.out(fmt::format("nodes    {}\nweights  {} bytes\noperators\n",
                          json::get_int(summary, "nodes"),
                          summary.if_contains("weightBytes")->to_number<std::uint64_t>()));
    for (const auto& operator_count : summary.if_contains("operators")->as_object()) {
        world.out(fmt::format("  {:6} {}\n", operator_count.value().as_int64(),
                              json::as_view(operator_count.key())));
    }
}

json::Array describe_passes(const runtime::CompileReport& report) {
    json::Array rows;
    for (const runtime::CompileReport::PassRow& pass : report.passes) {
        rows.push_back({{"name", pass.name},
                        {"disabled", pass.disabled},
                        {"changed", pass.changed},
                        {"nodesBefore", pass.nodes_before},
                        {"nodesAfter", pass.nodes_after},
                        {"milliseconds", pass.milliseconds}});
    }
    return rows;
}

void print_passes(World& world, const runtime::CompileReport& report) {
    world.out(fmt::format("{:20} {:>7} {:>7} {:>10}  {}\n", "pass", "before", "after", "ms", ""));
    for (const runtime::CompileReport::PassRow& pass : report.passes) {
        const char* what = pass.disabled ? "disabled" : pass.changed ? "changed" : "";
        world.out(fmt::format("{:20} {:7} {:7} {:10.3f}  {}\n", pass.name, pass.nodes_before,
                              pass.nodes_after, pass.milliseconds, what));
    }
}

json::Value describe_signature(const std::vector<runtime::Port>& ports) {
    json::Array described;
    for (const runtime::Port& port : ports) {
        described.push_back(json::Object{{"name", port.name},
                                         {"dtype", std::string(dtype_name(port.dtype))},
                                         {"shape", port.shape.to_string()}});
    }
    return described;
}

Status inspect_plan(World& world, const std::string& path, const Arguments& arguments) {
    const std::shared_ptr<env::MappedFile> file = HF_TRY(world.files.map(path, false));
    runtime::CompileReport report;
    const auto model = HF_TRY(runtime::open_plan(file->bytes(), file, &report).context("{}", path));
    if (arguments.flag("verify")) HF_TRY(runtime::verify_plan(file->bytes()).context("{}", path));
    json::Object summary = describe_report(report);
    summary["format"] = "plan";
    if (arguments.flag("verify")) summary["verified"] = true;
    summary["inputs"] = describe_signature(model->signature().inputs);
    summary["outputs"] = describe_signature(model->signature().outputs);
    if (arguments.flag("json")) {
        world.out(json::write(summary) + "\n");
        return {};
    }
    world.out(arguments.flag("verify") ? "format   plan, every byte as it was written\n"
                                       : "format   plan\n");
    print_ports(world, "input", summary["inputs"]);
    print_ports(world, "output", summary["outputs"]);
    world.out(format_report(report));
    return {};
}

Status run(World& world, const Arguments& arguments) {
    const std::string path = arguments.get("FILE");
    const std::unique_ptr<env::MappedFile> file = HF_TRY(world.files.map(path, false));
    if (runtime::is_plan(file->bytes())) return inspect_plan(world, path, arguments);
    if (arguments.flag("verify")) {
        return invalid_argument(
            "--verify is for plans, which carry a digest; `holdfast verify` checks signatures");
    }
    graph::Graph graph = HF_TRY(load_graph(world, path));
    const std::size_t imported_nodes = graph.nodes.size();
    runtime::CompileReport report;
    if (arguments.flag("passes")) {
        runtime::CompileOptions options;
        options.clock = &world.clock;
        options.disabled_passes = arguments.all("disable-pass");
        HF_TRY(runtime::optimize(graph, options, report).context("{}", path));
    }
    if (arguments.flag("graph") || arguments.flag("graph-full")) {
        world.out(graph::print(graph, {.shortened = !arguments.flag("graph-full")}));
        return {};
    }
    json::Object summary = describe_graph(graph, graph::detect_format(file->bytes()));
    if (arguments.flag("passes")) {
        summary["importedNodes"] = imported_nodes;
        summary["passes"] = describe_passes(report);
    }
    if (arguments.flag("json")) {
        world.out(json::write(summary) + "\n");
    } else {
        print_summary(world, summary);
        if (arguments.flag("passes")) print_passes(world, report);
    }
    return {};
}

}  // namespace

Command inspect_command() {
    return {"inspect",
            "Shows what is in a model file: inputs, outputs, operators, weights",
            {{"FILE", "an ONNX or TFLite model, or a plan"}},
            {{"--graph", "the graph as text, with large weights left out", ""},
             {"--graph-full", "the graph as text, with all weights", ""},
             {"--passes", "after the graph passes, with what each did", ""},
             {"--disable-pass", "leave this graph pass out; 'all' leaves out every one", "NAME", "",
              true},
             {"--verify", "of a plan: also read its weights and compare their digest", ""},
             {"--json", "as JSON", ""}},
            {"holdfast inspect model.onnx", "holdfast inspect model.tflite --json",
             "holdfast inspect model.onnx --graph", "holdfast inspect model.onnx --passes",
             "holdfast inspect model.plan --verify"},
            run};
}

}  // namespace hf::cli
