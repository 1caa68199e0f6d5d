#include "serve/grpc/over_rest.h"

#include <algorithm>

#include "base/text.h"
#include "serve/grpc/typed_contents.h"
#include "serve/signature_check.h"
#include "serve/tensors.h"
#include "tensor/json.h"

namespace hf::serve::grpc {
namespace {

using Writer = protozero::pbf_writer;

constexpr std::string_view kBinarySize = "binary_data_size";
constexpr std::string_view kBinary = "binary_data";
constexpr Duration kRetryAfterMax = std::chrono::hours(1);

json::Value value_of(const Parameter& parameter) {
    if (parameter.truth) return json::Value(*parameter.truth);
    if (parameter.number) return json::Value(*parameter.number);
    if (parameter.text) return json::Value(std::string_view(*parameter.text));
    return json::Value(nullptr);
}

// What REST itself says by a parameter is not the caller's to say here.
json::Object parameters_of(const InferCall::Tensor& tensor) {
    json::Object parameters;
    for (const Parameter& given : tensor.parameters) {
        if (given.name == kBinarySize || given.name == kBinary) continue;
        parameters[given.name] = value_of(given);
    }
    return parameters;
}

json::Object parameters_of(const InferCall& call) {
    json::Object parameters{{"binary_data_output", true}};
    if (call.priority) parameters[kPriority] = *call.priority;
    if (call.timeout) parameters[kTimeout] = *call.timeout;
    if (!call.sequence.id.empty()) parameters[kSequenceId] = call.sequence.id;
    if (call.sequence.start) parameters[kSequenceStart] = true;
    if (call.sequence.end) parameters[kSequenceEnd] = true;
    return parameters;
}

Result<Bytes> binary_of_typed(const InferCall::Tensor& tensor) {
    const DType dtype = HF_TRY(read_datatype(tensor.datatype));
    const Shape shape = HF_TRY(read_shape(tensor.shape));
    return tensor_to_binary(HF_TRY(read_typed(tensor.contents, dtype, shape).context("/contents")));
}

bool is_elsewhere(const json::Object& parameters) {
    return parameters.contains(kRegionName) || parameters.contains(kRegionByteSize);
}

// One input, whose bytes go behind the JSON. `raw`: null where it is typed or in shared memory.
Result<json::Object> write_input(const InferCall::Tensor& tensor, const ByteView* raw,
                                 Bytes& binary) {
    json::Object parameters = parameters_of(tensor);
    const bool elsewhere = is_elsewhere(parameters);
    if (tensor.has_contents && (raw || elsewhere)) {
        return invalid_argument("/contents: give either these or {}",
                                raw ? "raw_input_contents" : "a region");
    }
    json::Array shape;
    for (const std::int64_t extent : tensor.shape) shape.emplace_back(extent);
    if (!elsewhere) {
        const Bytes typed = raw ? Bytes() : HF_TRY(binary_of_typed(tensor));
        const ByteView bytes = raw ? *raw : ByteView(typed);
        parameters[kBinarySize] = bytes.size();
        binary.insert(binary.end(), bytes.begin(), bytes.end());
    }
    return json::Object{{"name", tensor.name},
                        {"datatype", tensor.datatype},
                        {"shape", std::move(shape)},
                        {"parameters", std::move(parameters)}};
}

// An output of an answer; borrows from it.
struct Output {
    std::string_view name;
    std::string_view datatype;
    Shape shape;
    const json::Object* parameters = nullptr;
    bool elsewhere = false;  // in shared memory
    ByteView binary;
    Bytes own;  // where it came as JSON
};

Result<Output> read_output(const json::Value& entry, ByteView& binary) {
    Output output;
    output.name = json::get_string(entry, "name");
    output.datatype = json::get_string(entry, "datatype");
    std::vector<std::int64_t> extents;
    const json::Array* const shape = json::find_array(entry, "shape");
    if (output.name.empty() || !shape) return invalid_argument("an output has no name or no shape");
    for (const json::Value& extent : *shape) {
        extents.push_back(extent.is_int64() ? extent.get_int64() : -1);
    }
    output.shape = HF_TRY(read_shape(std::move(extents)));
    output.parameters = json::find_object(entry, "parameters");
    output.elsewhere = output.parameters && is_elsewhere(*output.parameters);
    if (output.elsewhere) return output;
    if (const json::Value* const data = json::find(entry, "data")) {
        const DType dtype = HF_TRY(read_datatype(output.datatype));
        output.own = tensor_to_binary(HF_TRY(tensor_from_json(*data, dtype, output.shape)));
        return output;
    }
    const json::Value* const size = json::find_path(entry, {"parameters", kBinarySize});
    const std::int64_t count = size && size->is_int64() ? size->get_int64() : -1;
    if (count < 0 || static_cast<std::uint64_t>(count) > binary.size()) {
        return invalid_argument("output '{}' has neither data nor that many bytes", output.name);
    }
    output.binary = binary.first(static_cast<std::size_t>(count));
    binary = binary.subspan(output.binary.size());
    return output;
}

ByteView bytes_of(const Output& output) {
    return output.own.empty() ? output.binary : ByteView(output.own);
}

bool may_be_typed(const Output& output) {
    const Result<DType> dtype = read_datatype(output.datatype);
    return !output.elsewhere && dtype.ok() && has_typed_form(*dtype);
}

Result<std::string> typed_contents_of(const Output& output) {
    const DType dtype = HF_TRY(read_datatype(output.datatype));
    return write_typed(HF_TRY(tensor_from_binary(bytes_of(output), dtype, output.shape)));
}

void add_text(Writer& to, std::uint32_t number, std::string_view text) {
    to.add_string(number, text.data(), text.size());
}

// All of it but the contents, of which there may be one or none.
void add_output(Writer& to, const Output& output, const std::string* contents) {
    Writer tensor(to, 5);
    add_text(tensor, 1, output.name);
    add_text(tensor, 2, output.datatype);
    tensor.add_packed_int64(3, output.shape.begin(), output.shape.end());
    if (output.parameters) {
        for (const auto& [name, value] : *output.parameters) {
            if (name != kBinarySize) add_parameter(tensor, {name.data(), name.size()}, value);
        }
    }
    if (contents) tensor.add_message(5, *contents);
}

Status add_outputs(const InferCall& call, const std::vector<Output>& outputs, Writer& to) {
    if (!is_raw(call) && std::all_of(outputs.begin(), outputs.end(), may_be_typed)) {
        for (const Output& output : outputs) {
            const std::string contents =
                HF_TRY(typed_contents_of(output).context("output '{}'", output.name));
            add_output(to, output, &contents);
        }
        return {};
    }
    for (const Output& output : outputs) add_output(to, output, nullptr);
    for (const Output& output : outputs) {
        const std::string_view bytes = as_text(bytes_of(output));
        to.add_bytes(6, bytes.data(), bytes.size());
    }
    return {};
}

void add_parameters(Writer& to, const json::Object& parameters) {
    for (const auto& [name, value] : parameters) {
        add_parameter(to, {name.data(), name.size()}, value);
    }
}

// The JSON of an answer, and what follows it.
Result<ByteView> cut(const http::Response& response, ByteView& binary) {
    const ByteView body = response.body;
    const auto header = response.headers.get("Inference-Header-Content-Length");
    if (!header) return body;
    const std::int64_t count = HF_TRY(parse_int(trim(*header)));
    if (count < 0 || static_cast<std::uint64_t>(count) > body.size()) {
        return invalid_argument("it claims {} bytes of JSON and has {}", count, body.size());
    }
    binary = body.subspan(static_cast<std::size_t>(count));
    return body.first(static_cast<std::size_t>(count));
}

Result<Bytes> write_answer(const InferCall& call, const http::Response& response,
                           const json::Object& more) {
    ByteView binary;
    const ByteView head = HF_TRY(cut(response, binary));
    const json::Value root = HF_TRY(json::parse(as_text(head), head.size()));
    const json::Array* const entries = json::find_array(root, "outputs");
    if (!entries) return invalid_argument("it has no outputs");
    std::vector<Output> outputs;
    for (const json::Value& entry : *entries) {
        outputs.push_back(HF_TRY(read_output(entry, binary)));
    }
    if (!binary.empty()) return invalid_argument("{} bytes follow the last output", binary.size());
    std::string message;
    Writer writer(message);
    add_text(writer, 1, json::get_string(root, "model_name"));
    add_text(writer, 2, json::get_string(root, "model_version"));
    add_text(writer, 3, json::get_string(root, "id"));
    if (const json::Object* const own = json::find_object(root, "parameters")) {
        json::Object parameters = *own;
        for (const auto& [name, value] : more) parameters[name] = value;
        add_parameters(writer, parameters);
    } else {
        add_parameters(writer, more);
    }
    if (call.wants_final) add_parameter(writer, kFinal, true);
    HF_TRY(add_outputs(call, outputs, writer));
    return to_bytes(message);
}

Result<Bytes> write_metadata(std::string_view body) {
    const json::Value root = HF_TRY(json::parse(body, body.size()));
    const runtime::Signature signature = HF_TRY(parse_model_metadata(body));
    ModelMetadata metadata{
        json::get_string(root, "name"), {}, json::get_string(root, "platform"), signature, {}};
    if (const json::Array* const versions = json::find_array(root, "versions")) {
        for (const json::Value& version : *versions) {
            if (version.is_string()) {
                metadata.versions.emplace_back(json::as_view(version.get_string()));
            }
        }
    }
    if (const json::Object* const properties = json::find_object(root, "properties")) {
        for (const auto& [key, value] : *properties) {
            if (!value.is_string()) continue;
            metadata.properties.emplace_back(std::string(key.data(), key.size()),
                                             json::as_view(value.get_string()));
        }
    }
    return write_model_metadata(metadata);
}

Status of_the_server(const Status& status) {
    return internal_error("what the server answered is not of the protocol: {}", status.message());
}

Code code_of(int status) {
    switch (status) {
        case 400:
        case 415:
        case 422: return Code::kInvalidArgument;
        case 401: return Code::kUnauthenticated;
        case 403: return Code::kPermissionDenied;
        case 404: return Code::kNotFound;
        case 409: return Code::kAborted;
        case 410: return Code::kOutOfRange;
        case 412: return Code::kFailedPrecondition;
        case 413:
        case 429: return Code::kResourceExhausted;
        case 499: return Code::kCancelled;
        case 501: return Code::kUnimplemented;
        case 503: return Code::kUnavailable;
        case 504: return Code::kDeadlineExceeded;
        default: return status >= 500 ? Code::kInternal : Code::kUnknown;
    }
}

}  // namespace

Result<InferenceCall> write_rest_request(const InferCall& call) {
    const std::vector<const ByteView*> raw = HF_TRY(raw_contents(call));
    json::Array inputs;
    Bytes binary;
    for (std::size_t i = 0; i < call.inputs.size(); ++i) {
        Result<json::Object> input = write_input(call.inputs[i], raw[i], binary);
        if (!input.ok()) return at("inputs", i, input.status());
        inputs.emplace_back(std::move(*input));
    }
    json::Object request{{"parameters", parameters_of(call)}, {"inputs", std::move(inputs)}};
    if (!call.id.empty()) request["id"] = call.id;
    json::Array outputs;
    for (const InferCall::Tensor& output : call.outputs) {
        outputs.push_back(
            json::Object{{"name", output.name}, {"parameters", parameters_of(output)}});
    }
    if (!outputs.empty()) request["outputs"] = std::move(outputs);
    InferenceCall rest;
    rest.body = to_bytes(json::write(request));
    rest.json_bytes = rest.body.size();
    rest.body.insert(rest.body.end(), binary.begin(), binary.end());
    return rest;
}

Result<Bytes> write_answer_of_rest(const InferCall& call, const http::Response& response,
                                   const json::Object& more) {
    Result<Bytes> message = write_answer(call, response, more);
    return message.ok() ? std::move(message) : of_the_server(message.status());
}

Result<Bytes> write_metadata_of_rest(std::string_view body) {
    Result<Bytes> message = write_metadata(body);
    return message.ok() ? std::move(message) : of_the_server(message.status());
}

Status status_of_rest(const http::Response& response) {
    const Result<json::Value> body = json::parse(as_text(response.body));
    const std::string_view text = body.ok() ? json::get_string(*body, "error") : "";
    const Code code = code_of(response.status);
    if (!text.empty()) return Status(code, std::string(text));
    return Status(code, fmt::format("the server answered with HTTP status {}", response.status));
}

std::optional<Duration> retry_after_of_rest(const http::Response& response) {
    const Result<std::int64_t> seconds =
        parse_int(trim(response.headers.get("Retry-After").value_or("")));
    if (!seconds.ok() || *seconds < 0) return std::nullopt;
    constexpr auto kMost = std::chrono::duration_cast<std::chrono::seconds>(kRetryAfterMax).count();
    return std::chrono::seconds(std::min<std::int64_t>(*seconds, kMost));
}

}  // namespace hf::serve::grpc
