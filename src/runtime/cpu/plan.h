// Plan: what the cpu device makes of a graph: a flat list of operations over one arena, with every
// shape, offset and weight fixed. And Step: an operation that has been checked and can run.
//
// The one idea: a Step is made from an Operation by the kernel's own `make`, which checks every
// number in it against every other: sizes of operands, of packed weights, of scratch. The same
// function serves the compiler and the plan file, so a hostile plan meets exactly the checks that a
// compiled one passes; after it, running cannot leave its memory and has nothing left to refuse.
//
// Thread-safety: values; steps are immutable and may run in many sessions at once.

#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "graph/graph.h"
#include "runtime/model.h"

namespace hf::runtime::onednn {
class Choice;
}

namespace hf::runtime::cpu {

// No plan's arena is larger.
inline constexpr std::uint64_t kMaxArenaBytes = std::uint64_t{4} << 30;

// Values are stable: they are written into plan files.
enum class Place : std::uint8_t { kNone = 0, kArena = 1, kWeights = 2, kInput = 3, kOutput = 4 };

// A tensor at a fixed place. `offset` counts bytes in the arena or the weights; for inputs and
// outputs it is the port's index.
struct Operand {
    Place place = Place::kNone;  // kNone: omitted
    DType dtype = DType::kF32;
    Shape shape;
    std::uint64_t offset = 0;

    std::uint64_t size_bytes() const {
        return static_cast<std::uint64_t>(shape.elements()) * dtype_size(dtype);
    }
};

struct Kernel;

struct Operation {
    std::string name;  // of the node, for messages
    const Kernel* kernel = nullptr;
    std::vector<Operand> inputs;
    std::vector<Operand> outputs;
    Operand scratch;  // bytes in the arena that only this operation uses, or omitted
    std::vector<std::int64_t> ints;
    std::vector<float> floats;

    // The one node that the reference device evaluates, where the kernel is a reference one.
    std::shared_ptr<const graph::Graph> reference;
};

// The memory of one inference, as one of its threads sees it.
struct Memory {
    std::uint8_t* arena = nullptr;
    const std::uint8_t* weights = nullptr;
    std::span<const Tensor> inputs;
    std::span<std::uint8_t* const> outputs;
    std::uint8_t* scratch = nullptr;  // the thread's own; null: each step's in the arena
};

// An operand's address at run time.
class Slot final {
public:
    Slot() = default;
    explicit Slot(const Operand& operand) : place_(operand.place), offset_(operand.offset) {}

    explicit operator bool() const { return place_ != Place::kNone; }

    template <typename T>
    const T* in(const Memory& memory) const {
        switch (place_) {
            case Place::kArena: return reinterpret_cast<const T*>(memory.arena + offset_);
            case Place::kWeights: return reinterpret_cast<const T*>(memory.weights + offset_);
            case Place::kInput:
                return reinterpret_cast<const T*>(memory.inputs[offset_].bytes().data());
            case Place::kOutput: return reinterpret_cast<const T*>(memory.outputs[offset_]);
            case Place::kNone: break;
        }
        return nullptr;
    }
    template <typename T>
    T* out(const Memory& memory) const {
        switch (place_) {
            case Place::kArena: return reinterpret_cast<T*>(memory.arena + offset_);
            case Place::kOutput: return reinterpret_cast<T*>(memory.outputs[offset_]);
            default: return nullptr;
        }
    }

private:
    Place place_ = Place::kNone;
    std::uint64_t offset_ = 0;
};

// Where a step works that only it uses.
class ScratchSlot final {
public:
    ScratchSlot() = default;
    explicit ScratchSlot(const Operand& operand) : slot_(operand) {}

    template <typename T>
    T* out(const Memory& memory) const {
        return memory.scratch ? reinterpret_cast<T*>(memory.scratch) : slot_.out<T>(memory);
    }

private:
    Slot slot_;
};

// [first, first + count) of a step's pieces.
struct Pieces {
    std::size_t first = 0, count = 0;
};

// How a step's work can be divided among threads. No step is cut finer than its pieces.
struct Cut {
    std::size_t pieces = 1;  // 1: not at all
    double work = 0;         // of all of them, in multiply-adds of an fp32 product or as much time
};

class Step {
public:
    virtual ~Step() = default;

    // Most kernels always answer OK; those that follow indices, and reference ones, may meet data
    // that their operator refuses.
    virtual Status run(const Memory& memory) const = 0;

    virtual Cut cut() const { return {}; }

    // A part of what run() does. Parts may run at the same time, each with scratch of its own, and
    // together make the same bits as run() however the pieces are grouped. After an error run()
    // says what is wrong, or does it all. REQUIRES: the pieces are among cut()'s, which are
    // several.
    virtual Status run_pieces(const Memory& memory, Pieces pieces) const {
        static_cast<void>(pieces);
        return run(memory);
    }
};

using StepPtr = std::unique_ptr<const Step>;

// A row of the table of kernels (kernels.cpp). Names are stable: they are written into plan files.
struct Kernel {
    std::string_view name;
    Result<StepPtr> (*make)(const Operation& operation);
    bool in_place = false;  // an output may be exactly an input

    // How oneDNN does the same, on the same operands; UNIMPLEMENTED where it does not, and null for
    // kernels that it has no part in. What `make` made runs then.
    Result<onednn::Choice> (*by_library)(const Operation& operation) = nullptr;

    // For a kernel that follows numbers in its weights: checks them, after `make` has taken the
    // operation and its operands are known to lie in the weights. Null for most.
    Status (*verify)(const Operation& operation, const std::uint8_t* weights) = nullptr;
};

// nullptr when there is none of this name.
const Kernel* find_kernel(std::string_view name);

// The kernel of ours that runs where the library does not: itself for most.
const Kernel& own_kernel(const Kernel& kernel);

struct Plan {
    Signature signature;  // every extent known
    std::vector<Operation> operations;
    std::uint64_t arena_bytes = 0;
    std::uint64_t macs = 0;
    ByteView weights;
    std::shared_ptr<const void> weights_owner;
    bool own_kernels_only = false;  // not oneDNN's, which our own stand in for
};

struct MadeStep {
    StepPtr step;
    std::string library_refused;  // why our own kernel runs where the plan names the library's
};

// Checks every operand against arena, weights and signature, and makes the steps. INVALID_ARGUMENT
// names the operation.
Result<std::vector<MadeStep>> make_steps(const Plan& plan);

}  // namespace hf::runtime::cpu
