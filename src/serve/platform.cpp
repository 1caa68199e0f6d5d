#include "serve/platform.h"

namespace hf::serve {

std::string platform_name(std::string_view format) {
    if (format == "onnx") return "onnx_onnxv1";
    if (format == "tflite") return "tensorflow_tflite";
    return "holdfast_" + std::string(format);
}

}  // namespace hf::serve
