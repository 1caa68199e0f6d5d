// ZipMap (ai.onnx.ml) turns a matrix of scores into a sequence of maps from class to score, which
// only Python users see as something handy. A graph keeps the matrix instead: one column a class,
// in the order of the labels. Pure.

#pragma once

#include "graph/graph.h"

namespace hf::graph::onnx {

// Makes every ZipMap an Identity of its scores. Its output becomes an f32 tensor of [?, classes];
// the labels stand in metadata["classes.OUTPUT"], joined by commas.
void unzip_maps(Graph& graph);

}  // namespace hf::graph::onnx
