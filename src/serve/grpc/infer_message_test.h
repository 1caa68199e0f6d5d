// A message of ModelInfer for the tests of gRPC's doors: one float for the input "x".

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/protobuf.h"
#include "serve/grpc/typed_contents.h"

namespace hf::serve::grpc {

struct InferMessage {
    std::string_view model = "m";
    float x = 0;
    bool raw = true;  // else in typed contents
    std::vector<std::int64_t> shape = {1};
};

inline std::string write_infer_message(const InferMessage& of) {
    std::string message;
    protozero::pbf_writer writer(message);
    writer.add_string(1, std::string(of.model));
    writer.add_string(3, "r7");
    {
        protozero::pbf_writer tensor(writer, 5);
        tensor.add_string(1, "x");
        tensor.add_string(2, "FP32");
        tensor.add_packed_int64(3, of.shape.begin(), of.shape.end());
        const std::vector<float> values{of.x};
        if (!of.raw) {
            tensor.add_message(5, write_typed(Tensor::of<float>(DType::kF32, {1}, values)));
        }
    }
    if (of.raw) writer.add_bytes(7, reinterpret_cast<const char*>(&of.x), sizeof of.x);
    return message;
}

}  // namespace hf::serve::grpc
