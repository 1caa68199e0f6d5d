#include "runtime/compile.h"

#include <array>
#include <cmath>

#include "runtime/bf16_gate.h"
#include "runtime/by_shape.h"
#include "runtime/cpu/lower.h"
#include "runtime/cpu/model.h"
#include "runtime/device.h"
#include "runtime/optimize.h"
#include "runtime/ref/interpreter.h"
#include "runtime/split/compile.h"

namespace hf::runtime {
namespace {

class ReferenceDevice final : public Device {
public:
    std::string_view name() const override { return "ref"; }

    Result<std::shared_ptr<const CompiledModel>> compile(const graph::Graph& graph,
                                                         const CompileOptions&,
                                                         CompileReport& report) const override {
        for (const graph::Value& value : graph.values) {
            if (value.constant) report.weight_bytes += value.constant->bytes().size();
        }
        for (const graph::Node& node : graph.nodes) {
            report.nodes.push_back({node.describe(), "ref." + node.op, ""});
        }
        return ref::compile_reference(graph);
    }
};

// The devices that "auto" asks, in this order.
std::span<const Device* const> all_devices() {
    static const cpu::CpuDevice cpu;
    static const ReferenceDevice reference;
    static const std::array<const Device*, 2> devices{&cpu, &reference};
    return devices;
}

Result<std::shared_ptr<const CompiledModel>> compile_on(const Device& device,
                                                        const graph::Graph& graph,
                                                        const CompileOptions& options,
                                                        CompileReport& report) {
    CompileReport attempt = report;
    auto model = device.compile(graph, options, attempt);
    if (model.ok()) {
        report = std::move(attempt);
        report.device = device.name();
    }
    return model;
}

}  // namespace

Result<std::shared_ptr<const CompiledModel>> compile(graph::Graph graph,
                                                     const CompileOptions& options,
                                                     CompileReport* report) {
    CompileReport own;
    CompileReport& to = report ? *report : own;
    HF_TRY(cpu::check_kernel_names(options.disabled_kernels));
    HF_TRY(cpu::check_kernel_names(options.preferred_kernels));
    if (options.math == Math::kBf16 && std::isfinite(options.max_rounding)) {
        return compile_in_bf16(std::move(graph), options, to);
    }
    if (!options.offers.empty()) return compile_split(std::move(graph), options, to);
    if (options.device == "auto" && options.input_shapes.empty() && has_open_inputs(graph)) {
        auto model = compile_by_shape(graph, options, to);
        if (model.ok()) return model;
        to.device_refusal = fmt::format("cpu: {}", model.status().message());
    }
    HF_TRY(optimize(graph, options, to));
    Status refusal = invalid_argument("there is no device '{}'", options.device);
    for (const Device* device : all_devices()) {
        const bool asked = options.device == device->name();
        if (!asked && options.device != "auto") continue;
        auto model = compile_on(*device, graph, options, to);
        if (model.ok()) return model;
        const bool declined = model.status().code() == Code::kUnimplemented;
        if (asked || !declined) return model.status();
        if (to.device_refusal.empty()) {
            to.device_refusal = fmt::format("{}: {}", device->name(), model.status().message());
        }
        refusal = model.status();
    }
    return refusal;
}

}  // namespace hf::runtime
