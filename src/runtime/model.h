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

class Crew;  // crew.h

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

// One operation of a compiled model, in the order in which they run.
struct StepInfo {
    std::string node;    // "Conv 'conv1'"
    std::string kernel;  // "simd.conv_f32", "ref.TopK"
    std::string output;  // its type and shape: "f32[1x56x56x64]"
};

// Told when each step of a run begins and ends; by its index among steps().
class StepObserver {
public:
    virtual ~StepObserver() = default;
    virtual void begin(std::size_t step) = 0;
    virtual void end(std::size_t step) = 0;
};

class Session {
public:
    virtual ~Session() = default;

    // Inputs in signature order; checked. Outputs in signature order, owned by the caller. After an
    // error the session may be used again. Not thread-safe.
    virtual Result<std::vector<Tensor>> run(std::span<const Tensor> inputs) = 0;

    // From the next run on; null: nobody. Ignored by devices whose models have no steps.
    virtual void observe(StepObserver* observer) { static_cast<void>(observer); }

    // The threads that each run from the next on may have; null, as at first: its caller's alone.
    // Sessions may share one crew; a run that finds it taken goes on without. Outputs are the same
    // bits either way. Ignored by devices that do not divide their work.
    virtual void use(std::shared_ptr<Crew> crew) { static_cast<void>(crew); }
};

class CompiledModel {
public:
    virtual ~CompiledModel() = default;
    virtual const Signature& signature() const = 0;
    virtual std::string_view device() const = 0;  // "ref", "cpu"
    virtual Result<std::unique_ptr<Session>> new_session() const = 0;

    // Empty for devices that run a graph as it is.
    virtual std::vector<StepInfo> steps() const { return {}; }

    // Whether a first run with inputs of other shapes takes much longer than later ones: then
    // prepare() does what it would have to do before, on its caller's time. REQUIRES of prepare():
    // shapes that fit the signature.
    virtual bool plans_by_shape() const { return false; }
    virtual void prepare(const std::vector<Shape>& shapes) const { static_cast<void>(shapes); }
};

}  // namespace hf::runtime
