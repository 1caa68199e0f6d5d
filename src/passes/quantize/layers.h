// What of a graph can be int8: the layers that integer kernels compute, ours and ONNX Runtime's,
// and those that stay f32 with the reason. Decides nothing about precision: it says where
// conversions may stand and which values share their parameters.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace hf::passes {

struct Layer {
    enum class Kind : unsigned char {
        kWeighted,  // Conv, Gemm, MatMul: constant weights, one scale an output channel
        kPlain,     // Add, a mean over the whole image
        kMove,      // moves or chooses elements; follows its neighbours, has no loss of its own
    };
    std::size_t node = 0;
    Kind kind = Kind::kPlain;
    std::size_t channel_axis = 0;  // of the weights, which are input 1

    // What is taken as activations, and what is given behind a Relu or Clip that nobody else takes.
    std::vector<std::size_t> places;  // among the node's inputs
    graph::ValueId output = graph::kNoValue;
};

// A layer that could be int8 by its operator and is not.
struct Refusal {
    std::size_t node = 0;
    std::string why;
};

struct Layers {
    std::vector<Layer> layers;  // in the order of the nodes
    std::vector<Refusal> refusals;

    // By ValueId: the value whose range this one has. Moves keep the range of what they move.
    std::vector<graph::ValueId> range_of;
};

// REQUIRES: shapes are inferred; those that must be known are, or the layer is refused.
Layers find_layers(graph::Graph& graph);

// Which values are converted when some layers are int8. `is_int8` is by layer; the entries of moves
// are overwritten: a move is int8 when what it moves is, or when all that take it are.
struct Conversions {
    std::vector<bool> is_int8;  // by layer, moves included
    std::vector<bool> made;     // by ValueId: the output of an int8 layer
    std::vector<bool> wanted;   // by ValueId: taken by an int8 layer
};
Conversions place_conversions(graph::Graph& graph, const Layers& layers, std::vector<bool> is_int8);

}  // namespace hf::passes
