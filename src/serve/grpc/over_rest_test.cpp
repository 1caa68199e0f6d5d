#include "serve/grpc/over_rest.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "serve/grpc/typed_contents.h"
#include "serve/tensors.h"
#include "testing/script.h"

namespace hf::serve::grpc {
namespace {

using Writer = protozero::pbf_writer;

const runtime::Signature& signature() {
    static const runtime::Signature instance{
        {{"x", DType::kF32, {Shape::kUnknown, 2}}, {"s", DType::kString, {2}}},
        {{"y", DType::kF32, {1}}, {"h", DType::kF16, {1}}, {"t", DType::kString, {2}}}};
    return instance;
}

struct Asked {
    bool raw = true;
    std::vector<std::string> outputs = {};
    std::string datatype = "FP32";
    std::vector<std::pair<std::string, std::string>> parameters = {};  // name, and its message
};

const Tensor& x() {
    static const std::vector<float> values{1.5f, -2, 0, 1e30f};
    static const Tensor instance = Tensor::of<float>(DType::kF32, Shape{2, 2}, values);
    return instance;
}
const Tensor& s() {
    static const Tensor instance = Tensor::of_strings(Shape{2}, {"ü\"", std::string("\0\xff", 2)});
    return instance;
}

std::string write(const Asked& asked) {
    std::string message;
    Writer writer(message);
    writer.add_string(1, "m");
    writer.add_string(3, "id \"7\"");
    for (const auto& [name, value] : asked.parameters) {
        Writer entry(writer, 4);
        entry.add_string(1, name);
        entry.add_message(2, value);
    }
    const auto add = [&](std::string_view name, std::string_view datatype, const Tensor& tensor) {
        Writer input(writer, 5);
        input.add_string(1, std::string(name));
        input.add_string(2, std::string(datatype));
        input.add_packed_int64(3, tensor.shape().begin(), tensor.shape().end());
        if (!asked.raw) input.add_message(5, write_typed(tensor));
    };
    add("x", asked.datatype, x());
    add("s", "BYTES", s());
    for (const std::string& name : asked.outputs) {
        Writer output(writer, 6);
        output.add_string(1, name);
    }
    if (!asked.raw) return message;
    for (const Tensor* const tensor : {&x(), &s()}) {
        const Bytes bytes = tensor_to_binary(*tensor);
        const std::string_view text = as_text(bytes);
        writer.add_bytes(7, text.data(), text.size());
    }
    return message;
}

std::string number(std::uint64_t value) {
    std::string message;
    Writer(message).add_uint64(5, value);
    return message;
}

std::string truth() {
    std::string message;
    Writer(message).add_bool(1, true);
    return message;
}

std::vector<Asked> many() {
    std::vector<Asked> all;
    for (const bool raw : {true, false}) {
        all.push_back({raw});
        all.push_back({raw, {"y"}});
        all.push_back({raw, {"t", "y"}});
        all.push_back({raw, {"h"}});
        all.push_back({raw, {}, "FP32", {{"priority", number(3)}, {"timeout", number(2000)}}});
        all.push_back({raw, {}, "FP32", {{"sequence_id", number(9)}, {"sequence_start", truth()}}});
        all.push_back({raw, {}, "FP32", {{"triton_enable_empty_final_response", truth()}}});
        all.push_back({raw, {}, "FP32", {{"binary_data_output", number(0)}, {"other", truth()}}});
        all.push_back({raw, {"z"}});
        all.push_back({raw, {"y", "y"}});
    }
    all.push_back({true, {}, "FP64"});
    all.push_back({true, {}, "INT9"});
    all.push_back({true, {}, "FP32", {{"sequence_end", truth()}}});
    return all;
}

std::string said(const Result<InferRequest>& request) {
    if (!request.ok()) return request.status().to_string();
    std::string text =
        fmt::format("{} {} {} {} {} {};", request->id, request->priority, request->patience.count(),
                    request->sequence.id, request->sequence.start, request->sequence.end);
    for (const Tensor& tensor : request->inputs) text += to_hex(tensor_to_binary(tensor)) + ";";
    for (const auto& wanted : request->outputs) text += fmt::format(" {}", wanted.output);
    return text;
}

// What a server makes of the one is what it makes of the other.
TEST(OverRest, ARequestSaysWhatTheCallDid) {
    for (const Asked& asked : many()) {
        const std::string message = write(asked);
        const InferCall call = *read_infer_call(as_bytes(message));
        const Result<InferenceCall> rest = write_rest_request(call);
        ASSERT_TRUE(rest.ok()) << rest.status().to_string();
        EXPECT_EQ(said(parse_infer_request(rest->body, rest->json_bytes, signature())),
                  said(to_infer_request(call, signature())));
    }
}

// The answer, by way of REST, has the bytes that it would have had.
TEST(OverRest, AnAnswerHasTheFormOfItsCall) {
    const std::vector<float> y{7};
    const std::vector<Tensor> outputs{Tensor::of<float>(DType::kF32, Shape{1}, y),
                                      Tensor(DType::kF16, {1}), s()};
    Answer answer{"m", "1", outputs};
    answer.parameters["cascade"] = "local";
    int compared = 0;
    for (const Asked& asked : many()) {
        const std::string message = write(asked);
        const InferCall call = *read_infer_call(as_bytes(message));
        const Result<InferRequest> request = to_infer_request(call, signature());
        if (!request.ok()) continue;
        Answer direct = answer;
        direct.parameters["holdfast-receipt"] = "12-34";
        const Bytes expected = write_infer_answer(call, *request, direct, signature());
        const InferenceCall rest = *write_rest_request(call);
        const InferRequest onward = *parse_infer_request(rest.body, rest.json_bytes, signature());
        const InferBody body = *write_infer_response(onward, answer, signature());
        http::Response response;
        response.body = body.bytes;
        if (body.json_bytes) {
            response.headers.set("Inference-Header-Content-Length",
                                 fmt::format("{}", *body.json_bytes));
        }
        const auto back = write_answer_of_rest(call, response, {{"holdfast-receipt", "12-34"}});
        ASSERT_TRUE(back.ok()) << back.status().to_string();
        EXPECT_EQ(to_hex(*back), to_hex(expected));
        ++compared;
    }
    EXPECT_EQ(compared, 16);
}

TEST(OverRest, AnswersInJsonAreTakenToo) {
    const std::string message = write({});
    const InferCall call = *read_infer_call(as_bytes(message));
    const auto answered = [&](std::string_view json) {
        http::Response response;
        response.body = to_bytes(json);
        const Result<Bytes> back = write_answer_of_rest(call, response, {});
        return back.ok() ? to_hex(*back) : back.status().to_string();
    };
    EXPECT_EQ(answered(R"({"model_name":"m","outputs":[]})"), "0a016d12001a00");
    EXPECT_NE(answered(R"({"outputs":[{"name":"y","datatype":"FP32","shape":[1],"data":[1]}]})")
                  .find("32040000803f"),
              std::string::npos);
    const std::string fault = "INTERNAL: what the server answered is not of the protocol: ";
    for (const std::string_view json :
         {"", "[]", R"({"outputs":{}})", R"({"outputs":[7]})",
          R"({"outputs":[{"name":"y","datatype":"FP32","shape":[-1],"data":[1]}]})",
          R"({"outputs":[{"name":"y","datatype":"FP32","shape":[2],"data":[1]}]})",
          R"({"outputs":[{"name":"y","datatype":"FP32","shape":[1],)"
          R"("parameters":{"binary_data_size":4}}]})"}) {
        EXPECT_EQ(answered(json).substr(0, fault.size()), fault) << json;
    }
    http::Response response;
    response.body = to_bytes(R"({"outputs":[]}xx)");
    for (const char* length : {"14", "17", "-1", "x"}) {
        response.headers.set("Inference-Header-Content-Length", length);
        EXPECT_EQ(write_answer_of_rest(call, response, {}).status().code(), Code::kInternal);
    }
}

TEST(OverRest, CallsThatDoNotReadAreRefusedByTheirPlace) {
    const auto refused = [](const std::string& message) {
        const Result<InferCall> call = read_infer_call(as_bytes(message));
        return std::string(write_rest_request(*call).status().message());
    };
    std::string message = write({});
    Writer(message).add_bytes(7, "");
    EXPECT_EQ(refused(message), "/raw_input_contents: 3 entries for 2 inputs");
    EXPECT_EQ(refused(write({false, {}, "FP64"})),
              "/inputs/0/contents: fp32_contents is not where FP64 is");
    EXPECT_EQ(refused(write({false, {}, "FP9"})).substr(0, 19), "/inputs/0/datatype:");
}

TEST(OverRest, RefusalsHaveTheirCodes) {
    http::Response response = http::Response::error(429, "too many wait");
    EXPECT_EQ(status_of_rest(response).to_string(), "RESOURCE_EXHAUSTED: too many wait");
    EXPECT_EQ(retry_after_of_rest(response), std::nullopt);
    response.headers.set("Retry-After", "3");
    EXPECT_EQ(retry_after_of_rest(response), Duration(std::chrono::seconds(3)));
    response.headers.set("Retry-After", "Fri, 31 Dec 1999 23:59:59 GMT");
    EXPECT_EQ(retry_after_of_rest(response), std::nullopt);
    response = {};
    response.status = 504;
    EXPECT_EQ(status_of_rest(response).to_string(),
              "DEADLINE_EXCEEDED: the server answered with HTTP status 504");
    for (const Code code :
         {Code::kInvalidArgument, Code::kUnauthenticated, Code::kPermissionDenied, Code::kNotFound,
          Code::kAborted, Code::kFailedPrecondition, Code::kOutOfRange, Code::kResourceExhausted,
          Code::kCancelled, Code::kUnimplemented, Code::kUnavailable, Code::kDeadlineExceeded,
          Code::kInternal}) {
        EXPECT_EQ(status_of_rest(http::Response::error(Status(code, "x"))).code(), code);
    }
}

TEST(OverRest, MetadataAreThoseOfTheModel) {
    const auto told = [](std::string_view body) {
        const Result<Bytes> message = write_metadata_of_rest(body);
        return message.ok() ? to_hex(*message) : message.status().to_string();
    };
    const ModelMetadata metadata{"m", {"3"}, "onnx", signature(), {{"k", "v"}}};
    EXPECT_EQ(told(R"({"name":"m","versions":["3"],"platform":"onnx","inputs":[)"
                   R"({"name":"x","datatype":"FP32","shape":[-1,2]},)"
                   R"({"name":"s","datatype":"BYTES","shape":[2]}],"outputs":[)"
                   R"({"name":"y","datatype":"FP32","shape":[1]},)"
                   R"({"name":"h","datatype":"FP16","shape":[1]},)"
                   R"({"name":"t","datatype":"BYTES","shape":[2]}],"properties":{"k":"v"}})"),
              to_hex(write_model_metadata(metadata)));
    EXPECT_EQ(told(R"({"name":"m"})").substr(0, 8), "INTERNAL");
}

}  // namespace
}  // namespace hf::serve::grpc
