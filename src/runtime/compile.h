// From a graph to something that runs: passes, then a device. And the plan file: a compiled model
// on disk.

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "env/clock.h"
#include "env/files.h"
#include "graph/graph.h"
#include "runtime/model.h"

namespace hf::runtime {

class Backend;  // split/backend.h

// A back end that is asked for parts of the graph.
struct Offer {
    std::shared_ptr<const Backend> backend;
    std::vector<std::string> operators;  // "Conv", "com.microsoft.Gelu"; empty: every one
};

// What products of fp32 matrices are computed in.
enum class Math : unsigned char {
    kF32,
    kBf16,  // both sides rounded to bfloat16, sums in fp32: faster where the processor has AMX or
            // AVX-512 BF16, and half the weights everywhere
};

struct CompileOptions {
    std::string device = "auto";  // "ref", "cpu" or "auto": cpu, and ref where cpu refuses
    std::vector<std::string> disabled_passes;    // "all" leaves every one out
    std::vector<std::string> disabled_kernels;   // of cpu: "simd.conv_f32", or a family: "onednn"
    std::vector<std::string> preferred_kernels;  // of cpu: taken wherever they can be
    Math math = Math::kF32;

    // bf16 is left out of a model whose outputs differ by more from those in fp32: the relative L2
    // error over seeded random inputs, of the worst output.
    double max_rounding = 0.02;

    const env::Clock* clock = nullptr;  // times the passes; null: their times stay 0

    // Extents for unknown input dimensions, by input name; others unknown become 1 where cpu needs
    // them fixed. Empty: "auto" compiles a model with unknown extents for each shape that comes.
    std::vector<std::pair<std::string, Shape>> input_shapes;

    // Asked in this order before `device`, which runs what all of them refuse.
    std::vector<Offer> offers;
};

// What happened to each part of the graph, for `holdfast compile` and `inspect`.
struct CompileReport {
    struct PassRow {
        std::string name;
        double milliseconds = 0;
        bool changed = false;
        bool disabled = false;
        std::size_t nodes_before = 0;
        std::size_t nodes_after = 0;
    };
    struct NodeRow {
        std::string node;
        std::string kernel;   // "simd.conv_f32", "ref.TopK"
        std::string refused;  // why faster kernels did not take it; empty when none declined
        std::uint64_t macs = 0;
        std::uint64_t bytes = 0;   // that it reads and writes, weights among them
        double predicted_us = -1;  // by a model of this kind of machine; below 0: there is none
    };
    // A range of the arena while something lives in it.
    struct ArenaRow {
        std::uint64_t offset = 0, bytes = 0;
        std::uint32_t first = 0, last = 0;  // steps, counted from 0
        std::string holds;                  // names of values, or "scratch of" an operation
    };
    struct PartRow {
        std::string device;  // "example", "cpu"
        std::size_t nodes = 0;
        std::vector<std::string> refused;  // why no back end took them: one a reason
    };
    std::vector<PassRow> passes;
    std::vector<NodeRow> nodes;
    std::vector<ArenaRow> arena;  // by offset, then first step; only where a plan is made
    std::vector<PartRow> parts;   // in the order in which they run; empty without back ends
    std::string device;           // "cpu"; of several, "example+cpu"
    std::string device_refusal;   // why "auto" did not choose cpu; empty when it did
    double rounding = -1;         // what bf16 changes, as max_rounding counts it; below 0: no bf16
    std::string math_refusal;     // why it is not in bf16 though asked to be
    bool by_shape = false;        // for each shape that comes (by_shape.h); told of is that of 1s
    std::uint64_t arena_bytes = 0;
    std::uint64_t weight_bytes = 0;
    std::uint64_t macs = 0;
};

// INVALID_ARGUMENT or UNIMPLEMENTED name the node. `report` may be null.
Result<std::shared_ptr<const CompiledModel>> compile(graph::Graph graph,
                                                     const CompileOptions& options,
                                                     CompileReport* report);

}  // namespace hf::runtime
