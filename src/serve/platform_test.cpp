#include "serve/platform.h"

#include <gtest/gtest.h>

namespace hf::serve {
namespace {

TEST(Platform, NamesAreProjectAndFormat) {
    EXPECT_EQ(platform_name("onnx"), "onnx_onnxv1");
    EXPECT_EQ(platform_name("tflite"), "tensorflow_tflite");
    EXPECT_EQ(platform_name("plan"), "holdfast_plan");
}

}  // namespace
}  // namespace hf::serve
