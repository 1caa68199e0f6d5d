// ONNX Runtime as a back end: a part becomes ONNX bytes (graph/onnx/export.h) and a session of the
// library, on its CPU provider, with one thread. Shapes may stay open.
//
// It takes every operator that ONNX has words for; a part that it cannot load is tried node by
// node, and only the nodes at fault are refused, with its own words.

#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "runtime/onnxruntime/library.h"
#include "runtime/split/backend.h"

namespace hf::runtime::onnxruntime {

class OnnxRuntimeBackend final : public Backend {
public:
    explicit OnnxRuntimeBackend(std::shared_ptr<const Library> library)
        : library_(std::move(library)) {}

    std::string_view name() const override { return "onnxruntime"; }
    bool needs_known_types() const override { return false; }
    bool takes_bodies() const override { return true; }
    Result<Refusals> refusals(const graph::Graph& graph) const override;
    Result<Refusals> refusals_alone(const graph::Graph& part) const override;
    Result<std::shared_ptr<const CompiledModel>> compile(graph::Graph part) const override;

private:
    std::shared_ptr<const Library> library_;
};

}  // namespace hf::runtime::onnxruntime
