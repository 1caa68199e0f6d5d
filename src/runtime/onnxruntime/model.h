// A model that ONNX Runtime runs. Its sessions share the library's session, which may run from
// several threads.

#pragma once

#include <memory>
#include <vector>

#include "base/status.h"
#include "graph/graph.h"
#include "runtime/model.h"
#include "runtime/onnxruntime/library.h"

namespace hf::runtime::onnxruntime {

class OrtModel final : public CompiledModel, public std::enable_shared_from_this<OrtModel> {
public:
    // UNIMPLEMENTED when an input or output is no tensor of numbers of known rank, the graph cannot
    // be written as ONNX, or the library does not load it.
    static Result<std::shared_ptr<const OrtModel>> create(std::shared_ptr<const Library> library,
                                                          const graph::Graph& graph);

    const Signature& signature() const override { return signature_; }
    std::string_view device() const override { return "onnxruntime"; }
    Result<std::unique_ptr<Session>> new_session() const override;

    // Thread-safe.
    Result<std::vector<Tensor>> run(std::span<const Tensor> inputs) const;

    // Only create() has a key.
    class Key {
        friend class OrtModel;
        Key() = default;
    };
    OrtModel(Key, std::shared_ptr<const Library> library, Owned<OrtSession> session,
             Owned<OrtMemoryInfo> memory)
        : library_(std::move(library)), session_(std::move(session)), memory_(std::move(memory)) {}

private:
    void set_ports(const graph::Graph& graph);
    Result<Owned<OrtValue>> wrap(const Tensor& tensor) const;
    Result<Tensor> copy_out(OrtValue* value, std::size_t index) const;

    std::shared_ptr<const Library> library_;
    Owned<OrtSession> session_;
    Owned<OrtMemoryInfo> memory_;
    Signature signature_;
};

}  // namespace hf::runtime::onnxruntime
