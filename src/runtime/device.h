// Device: something that compiles graphs and runs them. A device takes a whole graph or says why it
// does not; `compile` (compile.h) asks the devices of its table in order.
//
// Devices have no state. Thread-safe.

#pragma once

#include <memory>
#include <string_view>

#include "base/status.h"
#include "graph/graph.h"
#include "runtime/compile.h"
#include "runtime/model.h"

namespace hf::runtime {

class Device {
public:
    virtual ~Device() = default;

    virtual std::string_view name() const = 0;

    // Fills the report's nodes and sizes. UNIMPLEMENTED when the graph is sound but not for this
    // device: "auto" then asks the next. Any other error is final.
    virtual Result<std::shared_ptr<const CompiledModel>> compile(const graph::Graph& graph,
                                                                 const CompileOptions& options,
                                                                 CompileReport& report) const = 0;
};

}  // namespace hf::runtime
