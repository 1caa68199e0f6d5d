// TFLite model files to Graph: schema version 3, identifier "TFL3", the first subgraph.
//
// Nodes have the domain "tflite", the builtin operator's schema name, and the name "CONV_2D_7" by
// position. Values carry the tensor's type, quantisation and its static shape: a model that leaves
// its batch open is taken at the size that is stored. Images are NHWC; CONV_2D weights are
// [out, h, w, in], DEPTHWISE_CONV_2D weights [1, h, w, in * depth_multiplier], FULLY_CONNECTED
// weights [out, in]. An omitted bias is kNoValue. Attributes, always set where an operator has
// them:
//
//   CONV_2D            padding "SAME"|"VALID", stride_h, stride_w, dilation_h, dilation_w,
//                      fused_activation "NONE"|"RELU"|"RELU6"|"RELU_N1_TO_1"
//   DEPTHWISE_CONV_2D  the same and depth_multiplier
//   *_POOL_2D          padding, stride_h, stride_w, filter_h, filter_w, fused_activation
//   FULLY_CONNECTED    fused_activation, keep_num_dims 0|1
//   ADD, SUB, MUL      fused_activation
//   CONCATENATION      axis, fused_activation
//   SOFTMAX            beta (float)
//   MEAN               keep_dims 0|1 (the axes are input 1)
//   RESHAPE            new_shape, where the file has it (else the shape is input 1)
//   SQUEEZE            squeeze_dims, where the file has it
//   RESIZE_NEAREST_NEIGHBOR  align_corners 0|1, half_pixel_centers 0|1 (the size is input 1)
//
// DEQUANTIZE, LOGISTIC, PAD, PADV2, QUANTIZE, RELU, RELU6 and TRANSPOSE have none. Every other
// operator, and every custom one, is UNIMPLEMENTED with the node's name.
//
// An f32 layer whose weights are stored in i8 ("dynamic range" files) gets its weights as f32: the
// saving is in the file, not in the arithmetic.
//
// What the import has checked: each value is an input, a constant, or the output of one earlier
// node; constants have exactly the bytes of their shape; scales are positive and finite, zero
// points lie in the type's range, and per-channel ones are as many as the axis is long.

#pragma once

#include <memory>

#include "base/bytes.h"
#include "base/status.h"
#include "graph/graph.h"

namespace hf::graph::tflite {

// The type by its number in the schema. UNIMPLEMENTED for others, strings among them.
Result<DType> dtype_of(std::int8_t type);

// Constants are copied, or, where `owner` is given and they are aligned to their element, borrowed
// from `bytes`, which then must live as long as `owner`.
Result<Graph> import_model(ByteView bytes, const std::shared_ptr<const void>& owner);

}  // namespace hf::graph::tflite
