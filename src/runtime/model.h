// CompiledModel and Session: what a device makes of a graph, and how it is run.
//
// A CompiledModel is immutable and thread-safe; it holds weights and the checked list of
// operations. A Session holds the memory of one inference at a time; use one a thread. A Session
// must not outlive its model.

#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "tensor/tensor.h"

namespace hf::runtime {

// A named input or output. Unknown extents are Shape::kUnknown: any size is accepted there.
struct Port {
    std::string name;
    DType dtype = DType::kF32;
    Shape shape;
};

struct Signature {
    std::vector<Port> inputs;
    std::vector<Port> outputs;
};

// OK when `inputs` fit the signature: count, dtype, rank, known extents. INVALID_ARGUMENT names the
// input, what was wanted and what came.
Status check_inputs(const Signature& signature, std::span<const Tensor> inputs);

class Session {
public:
    virtual ~Session() = default;

    // Inputs in signature order; checked. Outputs in signature order, owned by the caller. After an
    // error the session may be used again. Not thread-safe.
    virtual Result<std::vector<Tensor>> run(std::span<const Tensor> inputs) = 0;
};

class CompiledModel {
public:
    virtual ~CompiledModel() = default;
    virtual const Signature& signature() const = 0;
    virtual std::string_view device() const = 0;  // "ref", "cpu"
    virtual Result<std::unique_ptr<Session>> new_session() const = 0;
};

}  // namespace hf::runtime
