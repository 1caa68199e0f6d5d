#include "serve/grpc/infer_call.h"

#include <gtest/gtest.h>

#include "base/protobuf.h"
#include "serve/grpc/typed_contents.h"
#include "serve/shared_memory/memory_block_test.h"
#include "serve/tensors.h"

namespace hf::serve::grpc {
namespace {

using Writer = protozero::pbf_writer;

const runtime::Signature& signature() {
    static const runtime::Signature instance{
        {{"x", DType::kF32, {Shape::kUnknown, 2}}, {"n", DType::kI8, {3}}},
        {{"y", DType::kF32, {1}}, {"h", DType::kF16, {1}}}};
    return instance;
}

struct Input {
    std::string name;
    std::string datatype;
    std::vector<std::int64_t> shape;
    std::string contents = {};
    std::string parameter = {};
    std::string region = {};
};

struct Asked {
    std::vector<Input> inputs;
    std::vector<std::string> raw = {};
    std::vector<std::string> outputs = {};
    std::string id = "7";
    std::string region = {};  // of every output
};

// Twelve bytes from 4 on.
void add_region(Writer& tensor, std::uint32_t parameters, const std::string& region) {
    const auto add = [&](std::string_view name, const std::string& value) {
        Writer entry(tensor, parameters);
        entry.add_string(1, std::string(name));
        entry.add_message(2, value);
    };
    std::string value;
    Writer(value).add_string(3, region);
    add(kRegionName, value);
    value.clear();
    Writer(value).add_int64(2, 4);
    add(kRegionOffset, value);
    value.clear();
    Writer(value).add_int64(2, 8);
    add(kRegionByteSize, value);
}

std::string write(const Asked& asked) {
    std::string message;
    Writer writer(message);
    writer.add_string(1, "m");
    writer.add_string(3, asked.id);
    for (const Input& input : asked.inputs) {
        Writer tensor(writer, 5);
        tensor.add_string(1, input.name);
        tensor.add_string(2, input.datatype);
        tensor.add_packed_int64(3, input.shape.begin(), input.shape.end());
        if (!input.contents.empty()) tensor.add_message(5, input.contents);
        if (!input.region.empty()) add_region(tensor, 4, input.region);
        if (input.parameter.empty()) continue;
        Writer entry(tensor, 4);
        entry.add_string(1, input.parameter);
    }
    for (const std::string& name : asked.outputs) {
        Writer output(writer, 6);
        output.add_string(1, name);
        if (!asked.region.empty()) add_region(output, 2, asked.region);
    }
    for (const std::string& raw : asked.raw) writer.add_bytes(7, raw);
    return message;
}

std::string floats(std::initializer_list<float> values) {
    std::string message;
    Writer(message).add_packed_float(6, values.begin(), values.end());
    return message;
}

std::string ints(std::initializer_list<std::int32_t> values) {
    std::string message;
    Writer(message).add_packed_int32(2, values.begin(), values.end());
    return message;
}

Asked good() {
    return {{{"x", "FP32", {1, 2}, floats({1.5f, -2})}, {"n", "INT8", {3}, ints({1, -128, 127})}}};
}

Result<InferRequest> parse(const Asked& asked, const Regions* regions = nullptr) {
    const std::string message = write(asked);
    const InferCall call = HF_TRY(read_infer_call(as_bytes(message)));
    return to_infer_request(call, signature(), regions);
}

TEST(InferCall, InputsInSharedMemoryHaveNoRawContents) {
    const auto memory = std::make_shared<MemoryBlock>(16);
    const float x[] = {1.5f, -2};
    std::memcpy(memory->bytes.data() + 4, x, sizeof x);
    Regions regions(memory->opener());
    ASSERT_TRUE(regions.add({"r", "/k", 0, 16}).ok());
    Asked asked{{{"x", "FP32", {1, 2}, "", "", "r"}, {"n", "INT8", {3}}}, {"\1\2\3"}, {"y"}};
    asked.region = "r";
    const auto request = parse(asked, &regions);
    ASSERT_TRUE(request.ok()) << request.status().to_string();
    EXPECT_EQ(request->inputs[0].values<float>()[1], -2);
    EXPECT_EQ(request->inputs[1].values<std::int8_t>()[2], 3);
    ASSERT_EQ(request->outputs.size(), 1u);
    EXPECT_EQ(request->outputs[0].region.region, "r");
    EXPECT_EQ(request->outputs[0].region.offset, 4u);
    EXPECT_EQ(request->outputs[0].region.byte_size, 8u);

    const std::vector<float> y{7};
    const std::vector<Tensor> outputs{Tensor::of<float>(DType::kF32, Shape{1}, y), Tensor()};
    const Answer answer{"m", "1", outputs};
    const std::string message = write(asked);
    const InferCall call = read_infer_call(as_bytes(message)).value();
    const Bytes written = write_infer_answer(call, *request, answer, signature());
    EXPECT_EQ(as_text(written).find(std::string("\0\0\xe0\x40", 4)), std::string::npos);
    EXPECT_NE(as_text(written).find("shared_memory_byte_size"), std::string::npos);
    EXPECT_TRUE(as_text(written).ends_with(std::string("\x32\0", 2))) << "its empty raw contents";

    EXPECT_EQ(parse(asked).status().message().substr(0, 43),
              "/inputs/0/parameters/shared_memory_region: ");
    asked.raw = {"12345678", "\1\2\3"};
    EXPECT_EQ(parse(asked, &regions).status().message(),
              "/raw_input_contents: 2 entries for 1 inputs");
    asked.raw = {"\1\2\3"};
    asked.inputs[0].contents = floats({1, 2});
    EXPECT_EQ(parse(asked, &regions).status().message(),
              "/inputs/0/contents: give either these or a region");
    asked.inputs[0].contents.clear();
    asked.region = "s";
    EXPECT_EQ(parse(asked, &regions).status().code(), Code::kNotFound);
    asked.region.clear();
    asked.inputs[0].region.clear();
    asked.inputs[0].parameter = std::string(kRegionByteSize);
    EXPECT_EQ(parse(asked, &regions).status().message(),
              "/inputs/0/parameters/shared_memory_byte_size: must be a whole number, 0 or greater");
}

std::string refusal(const Asked& asked) {
    const Result<InferRequest> request = parse(asked);
    EXPECT_TRUE(request.ok() || request.status().code() == Code::kInvalidArgument);
    return std::string(request.status().message());
}

TEST(GrpcInferCall, TypedContentsBecomeTensors) {
    const Result<InferRequest> request = parse(good());
    ASSERT_TRUE(request.ok()) << request.status().to_string();
    EXPECT_EQ(request->id, "7");
    EXPECT_EQ(request->inputs[0].values<float>()[1], -2.0f);
    EXPECT_EQ(request->inputs[1].values<std::int8_t>()[1], -128);
    EXPECT_EQ(request->outputs.size(), 2u);
}

TEST(GrpcInferCall, RawContentsBecomeTensors) {
    Asked asked{{{"n", "INT8", {3}}, {"x", "FP32", {1, 2}}}};
    asked.raw = {"\1\2\3", std::string("\0\0\x80\x3f\0\0\0\x40", 8)};
    asked.outputs = {"y"};
    const Result<InferRequest> request = parse(asked);
    ASSERT_TRUE(request.ok()) << request.status().to_string();
    EXPECT_EQ(request->inputs[0].values<float>()[1], 2.0f);
    EXPECT_EQ(request->inputs[1].values<std::int8_t>()[2], 3);
    ASSERT_EQ(request->outputs.size(), 1u);
    EXPECT_TRUE(request->outputs[0].binary);
}

TEST(GrpcInferCall, RefusalsNameTheirPlace) {
    Asked asked = good();
    asked.inputs[0].name = "z";
    EXPECT_EQ(refusal(asked), "/inputs/0/name: 'z' is not known; the model has: x, n");
    asked.inputs[0].name = "n";
    asked.inputs[0].datatype = "INT8";
    asked.inputs[0].shape = {3};
    asked.inputs[0].contents = ints({1, 2, 3});
    EXPECT_EQ(refusal(asked), "/inputs/1/name: 'n' is given twice");
    asked = good();
    asked.inputs[1].shape = {-3};
    EXPECT_EQ(refusal(asked).substr(0, 20), "/inputs/1/shape/0: m");
    asked.inputs[1].shape = {4};
    EXPECT_EQ(refusal(asked), "/inputs/1/shape: 'n' must have shape 3, and has 4");
    asked.inputs[1] = {"n", "INT9", {3}, ints({1, 2, 3})};
    EXPECT_EQ(refusal(asked).substr(0, 20), "/inputs/1/datatype: ");
    asked.inputs[1] = {"n", "INT8", {3}, ints({1, 2, 128})};
    EXPECT_EQ(refusal(asked), "/inputs/1/contents: element 2: 128 is out of the type's range");
    asked.inputs[1] = {"n", "INT8", {3}, ints({1, 2, 3, 4})};
    EXPECT_EQ(refusal(asked), "/inputs/1/contents: more than the 3 elements of the shape");
    asked.inputs[1] = {"n", "INT8", {3}, ints({1, 2})};
    EXPECT_EQ(refusal(asked), "/inputs/1/contents: 2 elements where shape 3 needs 3");
    asked.inputs[1] = {"n", "INT8", {3}, floats({1, 2, 3})};
    EXPECT_EQ(refusal(asked), "/inputs/1/contents: fp32_contents is not where INT8 is");
    asked.inputs.pop_back();
    EXPECT_EQ(refusal(asked), "/inputs: 'n' is missing; the model takes: x, n");
    asked = good();
    asked.inputs[0].parameter = "classification";
    EXPECT_EQ(refusal(asked).substr(0, 37), "/inputs/0/parameters/classification: ");
    asked = good();
    asked.raw = {"\1\2\3"};
    EXPECT_EQ(refusal(asked), "/raw_input_contents: 1 entries for 2 inputs");
    asked.raw = {std::string(8, '\0'), "\1\2\3"};
    EXPECT_EQ(refusal(asked), "/inputs/0/contents: give either these or raw_input_contents");
    asked.inputs[0].contents.clear();
    asked.inputs[1].contents.clear();
    asked.raw[0].pop_back();
    EXPECT_EQ(refusal(asked).substr(0, 37), "/inputs/0 in raw_input_contents: 7 bi");
    asked = good();
    asked.outputs = {"y", "y"};
    EXPECT_EQ(refusal(asked), "/outputs/1/name: 'y' is asked for twice");
    asked.outputs = {"z"};
    EXPECT_EQ(refusal(asked), "/outputs/0/name: 'z' is not known; the model has: y, h");
}

TEST(GrpcInferCall, HostileMessagesAreRefused) {
    const auto read = [](std::string_view bytes) {
        return read_infer_call(as_bytes(bytes)).status().code();
    };
    EXPECT_EQ(read("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), Code::kInvalidArgument);
    EXPECT_EQ(read("\x0a\x05m"), Code::kInvalidArgument) << "longer than it is";
    EXPECT_EQ(read("\x08\x01"), Code::kInvalidArgument) << "a number where a name is";
    EXPECT_EQ(read("\x1a\x01\xff"), Code::kInvalidArgument) << "not UTF-8";
    EXPECT_EQ(read("\x2a\x02\x18"), Code::kInvalidArgument);
    EXPECT_EQ(read("\xf8\x07\x01"), Code::kOk) << "an unknown field";
    std::string many;
    for (std::size_t i = 0; i <= kTensorsMax; ++i) many += std::string("\x2a\0", 2);
    EXPECT_EQ(read(many), Code::kInvalidArgument);
    std::string raw;
    for (std::size_t i = 0; i <= kTensorsMax; ++i) raw += std::string("\x3a\0", 2);
    EXPECT_EQ(read(raw), Code::kInvalidArgument);
    Asked asked = good();
    asked.inputs[0].shape.assign(17, 1);
    EXPECT_EQ(refusal(asked), "/inputs/0/shape: has more than 16 extents");
    asked.inputs[0].shape = {std::int64_t{1} << 39, 2};
    EXPECT_EQ(refusal(asked).substr(0, 38), "/inputs/0/contents: 10 bytes are too f");
    asked.inputs[0].shape = {std::int64_t{1} << 62, 2};
    EXPECT_EQ(refusal(asked).substr(0, 17), "/inputs/0/shape: ");
}

// Each type there and back, typed and raw.
TEST(GrpcInferCall, EveryTypeGoesThereAndBack) {
    Rng rng(7);
    for (const char* name : {"BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16",
                             "INT32", "INT64", "FP32", "FP64", "BYTES"}) {
        const DType dtype = *parse_oip_dtype(name);
        const Shape shape{2, 3};
        const Tensor tensor =
            dtype == DType::kString
                ? Tensor::of_strings(shape, {"", "a", std::string("\0\xff", 2), "b", "c", "d"})
                : random_tensor(dtype, shape, rng);
        ASSERT_TRUE(has_typed_form(dtype));
        const std::string typed = write_typed(tensor);
        const Result<Tensor> back = read_typed(as_bytes(typed), dtype, shape);
        ASSERT_TRUE(back.ok()) << name << ": " << back.status().to_string();
        EXPECT_EQ(tensor_to_binary(*back), tensor_to_binary(tensor)) << name;
    }
    EXPECT_FALSE(has_typed_form(DType::kF16));
    EXPECT_FALSE(has_typed_form(DType::kBF16));
    EXPECT_EQ(read_typed(as_bytes("ab"), DType::kF16, Shape{1}).status().message(),
              "FP16 has no typed form; send raw_input_contents");
}

TEST(GrpcInferCall, ElementsMayComeOneByOne) {
    std::string message;
    Writer writer(message);
    for (const float value : {1.0f, 2.0f}) writer.add_float(6, value);
    const Result<Tensor> tensor = read_typed(as_bytes(message), DType::kF32, Shape{2});
    ASSERT_TRUE(tensor.ok()) << tensor.status().to_string();
    EXPECT_EQ(tensor->values<float>()[1], 2.0f);
    std::string truths;
    Writer(truths).add_bool(1, true);
    EXPECT_EQ(read_typed(as_bytes(truths), DType::kBool, Shape{1})->values<std::uint8_t>()[0], 1);
    std::string numbers;
    Writer(numbers).add_fixed64(2, 1);
    EXPECT_FALSE(read_typed(as_bytes(numbers), DType::kI8, Shape{1}).ok());
}

TEST(GrpcInferCall, AnswersHaveTheFormOfTheirRequests) {
    const auto fields = [](const InferCall& call, const std::vector<std::size_t>& wanted) {
        InferRequest request;
        for (const std::size_t output : wanted) request.outputs.push_back({output, false});
        const std::vector<Tensor> outputs{Tensor(DType::kF32, {1}), Tensor(DType::kF16, {1})};
        Answer answer{"m", "1", outputs};
        answer.parameters["a"] = "b";
        const Bytes bytes = write_infer_answer(call, request, answer, signature());
        std::string tags;
        const std::string_view text = as_text(bytes);
        protozero::pbf_reader reader(text.data(), text.size());
        while (reader.next()) {
            tags += fmt::format("{} ", reader.tag());
            reader.skip();
        }
        return tags;
    };
    InferCall typed;
    InferCall raw;
    raw.raw.emplace_back();
    EXPECT_EQ(fields(typed, {0}), "1 2 3 4 5 ");
    EXPECT_EQ(fields(raw, {0}), "1 2 3 4 5 6 ");
    EXPECT_EQ(fields(typed, {0, 1}), "1 2 3 4 5 5 6 6 ") << "FP16 has no typed form";
    typed.wants_final = true;
    EXPECT_EQ(fields(typed, {0}), "1 2 3 4 4 5 ");
}

}  // namespace
}  // namespace hf::serve::grpc
