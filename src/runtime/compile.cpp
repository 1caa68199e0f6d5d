#include "runtime/compile.h"

#include "runtime/optimize.h"
#include "runtime/ref/interpreter.h"

namespace hf::runtime {

Result<std::shared_ptr<const CompiledModel>> compile(graph::Graph graph,
                                                     const CompileOptions& options,
                                                     CompileReport* report) {
    CompileReport own;
    CompileReport& to = report ? *report : own;
    HF_TRY(optimize(graph, options, to));
    if (options.device == "cpu") {
        return unimplemented("the cpu device is not built yet; use --device ref");
    }
    to.device = "ref";
    to.device_refusal = "the cpu device is not built yet";
    for (const graph::Value& value : graph.values) {
        if (value.constant) to.weight_bytes += value.constant->bytes().size();
    }
    for (const graph::Node& node : graph.nodes) {
        to.nodes.push_back({node.describe(), "ref." + node.op, to.device_refusal});
    }
    return ref::compile_reference(std::move(graph));
}

}  // namespace hf::runtime
