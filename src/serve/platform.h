// What a model's metadata say of its platform: "<project>_<format>" (Open Inference Protocol,
// "Platforms"). Pure.

#pragma once

#include <string>
#include <string_view>

namespace hf::serve {

// Of the format of a model's file: "onnx_onnxv1" of "onnx", "tensorflow_tflite" of "tflite", and
// "holdfast_plan" of "plan", as of any other.
std::string platform_name(std::string_view format);

}  // namespace hf::serve
