#include "serve/infer_request.h"

#include <cmath>

#include <gtest/gtest.h>

#include "base/json.h"
#include "testing/script.h"

namespace hf::serve {
namespace {

runtime::Signature two_inputs() {
    return {{{"x", DType::kF32, Shape{Shape::kUnknown, 2}}, {"n", DType::kI64, Shape{1}}},
            {{"y", DType::kF32, Shape{Shape::kUnknown, 2}}, {"label", DType::kString, Shape{1}}}};
}

runtime::Signature one_input(DType dtype) {
    return {{{"x", dtype, Shape{2}}}, {{"y", dtype, Shape{2}}}};
}

std::string x_with(std::string_view members) {
    return fmt::format(R"({{"inputs":[{{"name":"x","datatype":"FP32",{}}},)"
                       R"({{"name":"n","datatype":"INT64","shape":[1],"data":[5]}}]}})",
                       members);
}

Result<InferRequest> parse(std::string_view json, std::string_view binary = {}) {
    const std::string body = std::string(json) + std::string(binary);
    const auto length = binary.empty() ? std::nullopt : std::optional(json.size());
    return parse_infer_request(as_bytes(body), length, two_inputs());
}

std::vector<float> floats(const Tensor& tensor) {
    const std::span<const float> values = tensor.values<float>();
    return {values.begin(), values.end()};
}

TEST(InferRequest, FlatAndNestedDataAreTheSame) {
    for (std::string_view data : {"[1,2,3,4]", "[[1,2],[3,4]]"}) {
        const auto request = parse(x_with(fmt::format(R"("shape":[2,2],"data":{})", data)));
        ASSERT_TRUE(request.ok()) << request.status().to_string();
        EXPECT_EQ(floats(request->inputs[0]), (std::vector<float>{1, 2, 3, 4}));
        EXPECT_EQ(request->inputs[1].values<std::int64_t>()[0], 5);
        EXPECT_EQ(request->outputs.size(), 2u);
        EXPECT_FALSE(request->outputs[0].binary);
    }
}

TEST(InferRequest, AnyOrderUnknownFieldsAndEmptyOutputsAreFine) {
    const auto request = parse(
        R"({"future":[1],"outputs":[],"inputs":[{"name":"n","datatype":"INT64","shape":[1],)"
        R"("data":[5],)"
        R"("more":{}},{"name":"x","datatype":"FP32","shape":[0,2],"data":[]}],"id":"a\u00e9"})");
    ASSERT_TRUE(request.ok()) << request.status().to_string();
    EXPECT_EQ(request->id, "aé");
    EXPECT_EQ(request->inputs[0].elements(), 0);
    EXPECT_EQ(request->outputs.size(), 2u);
}

TEST(InferRequest, NullIsNaN) {
    const auto request = parse(x_with(R"("shape":[1,2],"data":[null,1e40])"));
    ASSERT_TRUE(request.ok()) << request.status().to_string();
    EXPECT_TRUE(std::isnan(floats(request->inputs[0])[0]));
    EXPECT_TRUE(std::isinf(floats(request->inputs[0])[1]));
}

TEST(InferRequest, BinaryDataFollowsTheJsonInItsOrder) {
    const float values[] = {1.5f, -2.0f};
    const std::string bytes(reinterpret_cast<const char*>(values), sizeof values);
    const auto request =
        parse(R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],)"
              R"("parameters":{"binary_data_size":8}},)"
              R"({"name":"n","datatype":"INT64","shape":[1],"parameters":{"binary_data_size":8}}],)"
              R"("parameters":{"binary_data_output":true},)"
              R"("outputs":[{"name":"label","parameters":{"binary_data":false}},{"name":"y"}]})",
              bytes + std::string("\x07\0\0\0\0\0\0\0", 8));
    ASSERT_TRUE(request.ok()) << request.status().to_string();
    EXPECT_EQ(floats(request->inputs[0]), (std::vector<float>{1.5f, -2.0f}));
    EXPECT_EQ(request->inputs[1].values<std::int64_t>()[0], 7);
    ASSERT_EQ(request->outputs.size(), 2u);
    EXPECT_EQ(request->outputs[0].output, 1u);
    EXPECT_FALSE(request->outputs[0].binary);
    EXPECT_TRUE(request->outputs[1].binary);
}

TEST(InferRequest, ARawBodyIsTheOnlyInput) {
    const runtime::Signature signature{{{"x", DType::kF32, Shape{Shape::kUnknown, 2}}},
                                       {{"y", DType::kF32, Shape{}}}};
    const float values[] = {3, 4};
    const ByteView body(reinterpret_cast<const std::uint8_t*>(values), sizeof values);
    const auto request = parse_infer_request(body, 0, signature);
    ASSERT_TRUE(request.ok()) << request.status().to_string();
    EXPECT_EQ(request->inputs[0].shape(), (Shape{1, 2}));
    EXPECT_EQ(floats(request->inputs[0]), (std::vector<float>{3, 4}));
    EXPECT_TRUE(request->outputs[0].binary);
    EXPECT_FALSE(parse_infer_request(body.first(7), 0, signature).ok());
    EXPECT_FALSE(parse_infer_request(body, 0, two_inputs()).ok());
}

// Each datatype through JSON and through binary, and the answer written in both.
TEST(InferRequest, EveryDatatypeGoesInAndOut) {
    struct Row {
        std::string_view oip;
        std::string_view data;
    };
    const Row rows[] = {{"BOOL", "[true,false]"},
                        {"UINT8", "[0,255]"},
                        {"UINT16", "[0,65535]"},
                        {"UINT32", "[0,4294967295]"},
                        {"UINT64", "[0,18446744073709551615]"},
                        {"INT8", "[-128,127]"},
                        {"INT16", "[-32768,32767]"},
                        {"INT32", "[-2147483648,2147483647]"},
                        {"INT64", "[-9223372036854775808,9223372036854775807]"},
                        {"FP16", "[0.5,-2.0]"},
                        {"BF16", "[0.5,-2.0]"},
                        {"FP32", "[0.5,-2.0]"},
                        {"FP64", "[0.1,-2.0]"},
                        {"BYTES", "[\"\",\"text\"]"}};
    for (const auto& [oip, data] : rows) {
        SCOPED_TRACE(oip);
        const DType dtype = *parse_oip_dtype(oip);
        const runtime::Signature signature = one_input(dtype);
        const std::string json = fmt::format(
            R"({{"id":"1","inputs":[{{"name":"x","datatype":"{}","shape":[2],"data":{}}}]}})", oip,
            data);
        auto request = parse_infer_request(as_bytes(json), std::nullopt, signature);
        ASSERT_TRUE(request.ok()) << request.status().to_string();
        const Answer answer{"m", "2", request->inputs};
        const auto body = write_infer_response(*request, answer, signature);
        ASSERT_TRUE(body.ok());
        EXPECT_EQ(as_text(body->bytes),
                  fmt::format(R"({{"model_name":"m","model_version":"2","id":"1","outputs":[)"
                              R"({{"name":"y","datatype":"{}","shape":[2],"data":{}}}]}})",
                              oip, data));
        EXPECT_FALSE(body->json_bytes);
        request->outputs[0].binary = true;
        const auto binary = write_infer_response(*request, answer, signature);
        ASSERT_TRUE(binary.ok() && binary->json_bytes);
        // The bytes of the answer are good as the bytes of a request.
        const ByteView tail = ByteView(binary->bytes).subspan(*binary->json_bytes);
        const std::string head =
            fmt::format(R"({{"inputs":[{{"name":"x","datatype":"{}","shape":[2],)"
                        R"("parameters":{{"binary_data_size":{}}}}}]}})",
                        oip, tail.size());
        const std::string again = head + std::string(as_text(tail));
        const auto back = parse_infer_request(as_bytes(again), head.size(), signature);
        ASSERT_TRUE(back.ok()) << back.status().to_string();
        const auto same = write_infer_response(*request, Answer{"m", "2", back->inputs}, signature);
        EXPECT_EQ(same->bytes, binary->bytes);
    }
}

TEST(InferRequest, SaysHowUrgentItIs) {
    const auto with = [](std::string_view parameters) {
        std::string text = x_with(R"("shape":[1,2],"data":[1,2])");
        text.insert(1, fmt::format(R"("parameters":{{{}}},)", parameters));
        return parse(text);
    };
    const auto urgent = with(R"("priority":2,"timeout":1500,"other":"x")");
    ASSERT_TRUE(urgent.ok()) << urgent.status().to_string();
    EXPECT_EQ(urgent->priority, 2u);
    EXPECT_EQ(urgent->patience, Duration(std::chrono::microseconds(1500)));
    EXPECT_EQ(with(R"("timeout":0)")->patience, Duration::max());
    EXPECT_EQ(with(R"("timeout":1e3)")->patience, Duration(std::chrono::milliseconds(1)));
    EXPECT_EQ(with(R"("timeout":18446744073709551615)")->patience,
              Duration(std::chrono::hours(24)));
    for (std::string_view bad : {R"("priority":-1)", R"("priority":1.5)", R"("timeout":"1")",
                                 R"("timeout":1e300)", R"("timeout":null)"}) {
        EXPECT_EQ(with(bad).status().code(), Code::kInvalidArgument) << bad;
    }
}

TEST(InferRequest, BytesThatAreNotTextAskForBinary) {
    const runtime::Signature signature = one_input(DType::kString);
    InferRequest request;
    request.outputs = {{0, false}};
    const std::vector<Tensor> outputs{Tensor::of_strings({2}, {"ok", "\xFF"})};
    const Answer answer{"m", "1", outputs};
    EXPECT_EQ(write_infer_response(request, answer, signature).status().code(),
              Code::kInvalidArgument);
    request.outputs[0].binary = true;
    EXPECT_TRUE(write_infer_response(request, answer, signature).ok());
}

struct Refusal {
    std::string request;
    std::string_view begins;
};

TEST(InferRequest, EveryRefusalNamesThePlace) {
    const std::string good = R"("shape":[1,2],"data":[1,2])";
    const Refusal refusals[] = {
        {"", "JSON: "},
        {"[]", "the request must be a JSON object"},
        {R"({"id":7,"inputs":[]})", "/id: must be a string"},
        {"{}", "/inputs: must be given"},
        {R"({"inputs":{}})", "/inputs: must be given"},
        {R"({"inputs":[]})", "/inputs: 'x' is missing; the model takes: x, n"},
        {R"({"inputs":[7]})", "/inputs/0: must be an object"},
        {R"({"inputs":[{}]})", "/inputs/0/name: must be given"},
        {R"({"inputs":[{"name":"z"}]})", "/inputs/0/name: 'z' is not known; the model has: x, n"},
        {R"({"inputs":[{"name":"x"}]})", "/inputs/0/datatype: must be given"},
        {R"({"inputs":[{"name":"x","datatype":"FP33"}]})", "/inputs/0/datatype: 'FP33' is not"},
        {R"({"inputs":[{"name":"x","datatype":"FP64","shape":[1,2],"data":[1,2]}]})",
         "/inputs/0/datatype: 'x' must be FP32, and is FP64"},
        {x_with(R"("data":[1,2])"), "/inputs/0/shape: must be given"},
        {x_with(R"("shape":[2],"data":[1,2])"), "/inputs/0/shape: 'x' must have shape ?x2"},
        {x_with(R"("shape":[1,3],"data":[1,2,3])"), "/inputs/0/shape: 'x' must have shape ?x2"},
        {x_with(R"("shape":[-1,2],"data":[1,2])"), "/inputs/0/shape/0: must be an integer"},
        {x_with(R"("shape":[1.0,2],"data":[1,2])"), "/inputs/0/shape/0: must be an integer"},
        {x_with(R"("shape":["1",2],"data":[1,2])"), "/inputs/0/shape/0: must be an integer"},
        {x_with(R"("shape":[99999999999999999999,2],"data":[])"), "/inputs/0/shape/0: must be"},
        {x_with(R"("shape":[4611686018427387904,4],"data":[])"), "/inputs/0/shape: shape"},
        {x_with(R"("shape":[1099511627776,2],"data":[])"), "/inputs/0/shape: shape"},
        {x_with(R"("shape":[549755813888,2],"data":[1,2])"), "/inputs/0/data: 2 elements where"},
        {x_with(R"("shape":[549755813888,2],"data":[[1,2]])"), "/inputs/0/data: the nested"},
        {x_with(R"("shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],"data":[])"),
         "/inputs/0/shape: has 17 extents"},
        {x_with(R"("shape":[1,2])"), "/inputs/0/data: must be given"},
        {x_with(R"("shape":[1,2],"data":[1])"), "/inputs/0/data: 1 elements where shape 1x2"},
        {x_with(R"("shape":[1,2],"data":[[1],[2]])"), "/inputs/0/data: the nested array"},
        {x_with(R"("shape":[1,2],"data":[1,"2"])"), "/inputs/0/data: element 1: want a number"},
        {x_with(R"("shape":[1,2],"data":7)"), "/inputs/0/data: data must be an array"},
        {x_with(good + R"(,"parameters":{"binary_data_size":8})"), "/inputs/0: give either"},
        {x_with(R"("shape":[1,2],"parameters":[])"), "/inputs/0/parameters: must be an object"},
        {x_with(good + R"(,"parameters":{"shared_memory_region":"r"})"),
         "/inputs/0/parameters/shared_memory_byte_size: must be given"},
        {x_with(good + R"(,"parameters":{"shared_memory_region":"r",)"
                       R"("shared_memory_byte_size":8})"),
         "/inputs/0/parameters/shared_memory_region: give either this or the data"},
        {x_with(R"("shape":[1,2],"parameters":{"shared_memory_region":"r",)"
                R"("shared_memory_byte_size":8})"),
         "/inputs/0/parameters/shared_memory_region: shared memory is off here"},
        {x_with(R"("shape":[1,2],"parameters":{"binary_data_size":8})"),
         "/inputs/0/parameters/binary_data_size: 8 is not among the 0 bytes"},
        {x_with(R"("shape":[1,2],"parameters":{"binary_data_size":-1})"),
         "/inputs/0/parameters/binary_data_size: -1 is not"},
        {x_with(R"("shape":[1,2],"parameters":{"binary_data_size":18446744073709551615})"),
         "/inputs/0/parameters/binary_data_size: 18446744073709551615 is not"},
        {x_with(good + R"(},{"name":"x","datatype":"FP32","shape":[1,2],"data":[1,2])"),
         "/inputs/1/name: 'x' is given twice"},
        {R"({"inputs":[{"name":"n","datatype":"INT64","shape":[1],"data":5}]})",
         "/inputs/0/data: data must be an array"},
        {R"({"inputs":[{"name":"n","datatype":"INT64","shape":[1],"data":null}]})",
         "/inputs/0/data: data must be an array"},
        {R"({"inputs":[{"name":"n","datatype":"INT64","shape":[1],"data":[1.5]}]})",
         "/inputs/0/data: element 0: want an integer"},
        {R"({"inputs":[{"name":"n","datatype":"INT64","shape":[1],"data":[9223372036854775808]}]})",
         "/inputs/0/data: element 0: want an integer"},
        {x_with(R"("shape":[1,2],"data":[1,2],"data":[1,2])"), "JSON: duplicate key 'data'"}};
    for (const auto& [request, begins] : refusals) {
        const Status status = parse(request).status();
        EXPECT_EQ(status.code(), Code::kInvalidArgument) << request;
        EXPECT_TRUE(status.message().starts_with(begins))
            << request << "\n  want " << begins << "\n  got  " << status.message();
    }
}

TEST(InferRequest, EveryRefusalOfOutputsNamesThePlace) {
    const std::string inputs =
        R"("inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[1,2]},)"
        R"({"name":"n","datatype":"INT64","shape":[1],"data":[5]}])";
    const Refusal refusals[] = {
        {R"("outputs":7)", "/outputs: must be an array"},
        {R"("outputs":[7])", "/outputs/0: must be an object"},
        {R"("outputs":[{"name":"z"}])", "/outputs/0/name: 'z' is not known; the model has: y"},
        {R"("outputs":[{"name":"y"},{"name":"y"}])", "/outputs/1/name: 'y' is asked for twice"},
        {R"("outputs":[{"name":"y","parameters":{"binary_data":1}}])",
         "/outputs/0/parameters/binary_data: must be true or false"},
        {R"("outputs":[{"name":"y","parameters":{"classification":3}}])",
         "/outputs/0/parameters/classification: this extension is not offered"},
        {R"("parameters":{"binary_data_output":"yes"})",
         "/parameters/binary_data_output: must be true or false"},
        {R"("parameters":[])", "/parameters: must be an object"}};
    for (const auto& [members, begins] : refusals) {
        const Status status = parse(fmt::format("{{{},{}}}", members, inputs)).status();
        EXPECT_EQ(status.code(), Code::kInvalidArgument) << members;
        EXPECT_TRUE(status.message().starts_with(begins)) << members << ": " << status.message();
    }
}

TEST(InferRequest, BinaryDataOfAnotherSizeIsRefused) {
    const std::string json = R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],)"
                             R"("parameters":{"binary_data_size":8}},)"
                             R"({"name":"n","datatype":"INT64","shape":[1],"data":[5]}]})";
    EXPECT_TRUE(parse(json, "12345678").ok());
    for (std::size_t size : {1u, 4u, 7u}) EXPECT_FALSE(parse(json, std::string(size, 'x')).ok());
    EXPECT_EQ(parse(json, "123456789").status().message(),
              "9 bytes of binary data follow the JSON and inputs claim 8");
    EXPECT_FALSE(parse_infer_request(as_bytes(json), json.size() + 1, two_inputs()).ok());
    const std::string wrong = R"({"inputs":[{"name":"x","datatype":"FP32","shape":[2,2],)"
                              R"("parameters":{"binary_data_size":8}}]})";
    EXPECT_EQ(parse(wrong, "12345678").status().message(),
              "/inputs/0/parameters/binary_data_size: 8 binary bytes where shape 2x2 of FP32 "
              "needs 16");
}

TEST(InferRequest, BinaryStringsAndBoolsAreChecked) {
    const auto parse_one = [](DType dtype, ByteView bytes) {
        const std::string head =
            fmt::format(R"({{"inputs":[{{"name":"x","datatype":"{}","shape":[2],)"
                        R"("parameters":{{"binary_data_size":{}}}}}]}})",
                        oip_name(dtype), bytes.size());
        const std::string body = head + std::string(as_text(bytes));
        return parse_infer_request(as_bytes(body), head.size(), one_input(dtype)).ok();
    };
    const Bytes good{1, 0, 0, 0, 'a', 0, 0, 0, 0};
    EXPECT_TRUE(parse_one(DType::kString, good));
    for (std::size_t size = 1; size < good.size(); ++size) {
        EXPECT_FALSE(parse_one(DType::kString, ByteView(good).first(size))) << size;
    }
    EXPECT_FALSE(parse_one(DType::kString, Bytes{255, 255, 255, 255, 'a', 0, 0, 0, 0}));
    EXPECT_FALSE(parse_one(DType::kString, Bytes{1, 0, 0, 0, 'a', 0, 0, 0, 0, 0}));
    EXPECT_TRUE(parse_one(DType::kBool, Bytes{0, 1}));
    EXPECT_FALSE(parse_one(DType::kBool, Bytes{0, 2}));
}

// Any bytes are answered, with a tensor that fits or a refusal: never a crash.
TEST(InferRequest, ChangedRequestsAreAnsweredOrRefused) {
    Rng rng(testing::seed());
    const std::string json =
        R"({"id":"1","inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"parameters":)"
        R"({"binary_data_size":8}},{"name":"n","datatype":"INT64","shape":[1],"data":[5]}],)"
        R"("outputs":[{"name":"y","parameters":{"binary_data":true}}]})";
    const std::string body = json + "12345678";
    constexpr std::string_view kPieces = "{}[]\",:0123456789-e.xnyINT64\\u";
    std::size_t accepted = 0;
    for (int i = 0; i < 20'000; ++i) {
        std::string changed = body;
        for (std::uint64_t edits = 1 + rng.below(3); edits > 0; --edits) {
            const std::size_t at = rng.below(changed.size());
            const char piece = kPieces[rng.below(kPieces.size())];
            switch (rng.below(3)) {
                case 0: changed[at] = piece; break;
                case 1: changed.insert(at, 1, piece); break;
                default: changed.erase(at, 1 + rng.below(4)); break;
            }
        }
        const auto request = parse_infer_request(as_bytes(changed), json.size(), two_inputs());
        if (!request.ok()) {
            EXPECT_EQ(request.status().code(), Code::kInvalidArgument);
            continue;
        }
        ++accepted;
        EXPECT_TRUE(runtime::check_inputs(two_inputs(), request->inputs).ok());
    }
    EXPECT_GT(accepted, 0u);
}

}  // namespace
}  // namespace hf::serve
