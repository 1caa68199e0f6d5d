// The families of inference rules. Internal to graph/infer.

#pragma once

#include <vector>

#include "graph/infer/context.h"

namespace hf::graph::infer {

std::vector<Row> attention_rows();
std::vector<Row> control_rows();
std::vector<Row> elementwise_rows();
std::vector<Row> hf_rows();
std::vector<Row> image_rows();
std::vector<Row> index_rows();
std::vector<Row> linear_rows();
std::vector<Row> loss_rows();
std::vector<Row> ml_rows();
std::vector<Row> move_rows();
std::vector<Row> quantize_rows();
std::vector<Row> reduce_rows();
std::vector<Row> sequence_rows();
std::vector<Row> shape_rows();
std::vector<Row> signal_rows();
std::vector<Row> text_rows();
std::vector<Row> tflite_rows();
std::vector<Row> window_rows();

}  // namespace hf::graph::infer
