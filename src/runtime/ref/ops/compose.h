// Operators that are made of others: calls a row of the table as if a node asked for it. Internal
// to runtime/ref.

#pragma once

#include <string_view>
#include <vector>

#include "runtime/ref/ops/common.h"

namespace hf::runtime::ref {

// Runs an operator of ai.onnx, as of opset 17, with these inputs (null where omitted) and
// attributes. The caller's node gives its name to messages.
Outputs call(const OpContext& context, std::string_view op, std::vector<Tensor> inputs,
             graph::AttributeMap attributes = {});

// The same, of which only the first output is wanted.
Result<Tensor> call_one(const OpContext& context, std::string_view op, std::vector<Tensor> inputs,
                        graph::AttributeMap attributes = {});

}  // namespace hf::runtime::ref
