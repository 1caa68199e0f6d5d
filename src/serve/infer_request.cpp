#include "serve/infer_request.h"

#include "base/json.h"
#include "serve/json_count.h"
#include "serve/plain_request.h"
#include "serve/shared_memory/regions.h"
#include "serve/signature_check.h"
#include "serve/tensors.h"
#include "tensor/json.h"

namespace hf::serve {
namespace {

constexpr Duration kPatienceMax = std::chrono::hours(24);

Result<std::string_view> name_of(const json::Value& value,
                                 const std::vector<runtime::Port>& ports) {
    if (!value.is_object()) return invalid_argument(": must be an object");
    const json::Value* name = json::find(value, "name");
    if (!name || !name->is_string()) {
        return invalid_argument("/name: must be given, as a string; the model has: {}",
                                names_of(ports));
    }
    return json::as_view(name->get_string());
}

Result<DType> parse_datatype(const json::Value& input) {
    const json::Value* datatype = json::find(input, "datatype");
    if (!datatype || !datatype->is_string()) {
        return invalid_argument("/datatype: must be given, as a string such as \"FP32\"");
    }
    return read_datatype(json::as_view(datatype->get_string()));
}

Result<Shape> parse_shape(const json::Value& input) {
    const json::Array* array = json::find_array(input, "shape");
    if (!array) return invalid_argument("/shape: must be given, as an array of integers");
    std::vector<std::int64_t> extents;
    for (const json::Value& extent : *array) {
        extents.push_back(extent.is_int64() ? extent.get_int64() : -1);
    }
    return read_shape(std::move(extents));
}

// The parameter's value, or null; INVALID_ARGUMENT when `parameters` is not an object.
Result<const json::Value*> find_parameter(const json::Value& value, std::string_view name) {
    const json::Value* parameters = json::find(value, "parameters");
    if (parameters && !parameters->is_object()) {
        return invalid_argument("/parameters: must be an object");
    }
    return parameters ? json::find(*parameters, name) : nullptr;
}

Result<bool> bool_parameter(const json::Value& value, std::string_view name, bool fallback) {
    const json::Value* parameter = HF_TRY(find_parameter(value, name));
    if (!parameter) return fallback;
    if (!parameter->is_bool()) {
        return invalid_argument("/parameters/{}: must be true or false", name);
    }
    return parameter->get_bool();
}

// The number of the parameter, nullopt without one.
Result<std::optional<std::uint64_t>> count_parameter(const json::Value& value,
                                                     std::string_view name) {
    const json::Value* parameter = HF_TRY(find_parameter(value, name));
    if (!parameter) return std::optional<std::uint64_t>();
    if (const std::optional<std::uint64_t> count = count_of(*parameter)) return count;
    return invalid_argument("/parameters/{}: must be a whole number, 0 or greater", name);
}

// Zero and "" are no sequence.
Result<SequenceMark> sequence_of(const json::Value& root) {
    SequenceMark mark;
    if (!json::find(root, "parameters")) return mark;
    const json::Value* id = HF_TRY(find_parameter(root, kSequenceId));
    if (id && id->is_string()) {
        mark.id = json::as_view(id->get_string());
    } else if (id) {
        const std::uint64_t number = HF_TRY(count_parameter(root, kSequenceId)).value_or(0);
        if (number > 0) mark.id = std::to_string(number);
    }
    mark.start = HF_TRY(bool_parameter(root, kSequenceStart, false));
    mark.end = HF_TRY(bool_parameter(root, kSequenceEnd, false));
    HF_TRY(check_sequence(mark));
    return mark;
}

Status check_offered(const json::Value& tensor) {
    for (std::string_view extension : kNotOffered) {
        if (!HF_TRY(find_parameter(tensor, extension))) continue;
        return invalid_argument("/parameters/{}: this extension is not offered; leave it out",
                                extension);
    }
    return {};
}

// Where the tensor lies in shared memory; empty where it does not.
Result<RegionSpan> region_of(const json::Value& tensor) {
    RegionSpan span;
    if (!json::find(tensor, "parameters")) return span;
    const json::Value* name = HF_TRY(find_parameter(tensor, kRegionName));
    if (!name && HF_TRY(find_parameter(tensor, kRegionByteSize))) {
        return invalid_argument("/parameters/{}: must be given with {}", kRegionName,
                                kRegionByteSize);
    }
    if (!name) return span;
    if (!name->is_string() || name->get_string().empty()) {
        return invalid_argument("/parameters/{}: must be the name of a region", kRegionName);
    }
    span.region = json::as_view(name->get_string());
    span.offset = HF_TRY(count_parameter(tensor, kRegionOffset)).value_or(0);
    const std::optional<std::uint64_t> size = HF_TRY(count_parameter(tensor, kRegionByteSize));
    if (!size) return invalid_argument("/parameters/{}: must be given", kRegionByteSize);
    span.byte_size = *size;
    return span;
}

// The binary data behind the JSON, which tensors take one after the other.
class Binary {
public:
    explicit Binary(ByteView bytes) : bytes_(bytes) {}

    // The tensor of an entry, from its data or from here.
    Result<Tensor> read(const json::Value& entry, DType dtype, const Shape& shape) {
        const json::Value* size = HF_TRY(find_parameter(entry, "binary_data_size"));
        const json::Value* data = json::find(entry, "data");
        if (size && data) return invalid_argument(": give either data or binary_data_size");
        if (!size && !data) {
            return invalid_argument(
                "/data: must be given, or parameters.binary_data_size with the bytes after the "
                "JSON");
        }
        // A file may hold a lone value; the protocol knows arrays only.
        if (data && !data->is_array()) return invalid_argument("/data: data must be an array");
        Result<Tensor> tensor =
            size ? take(*size, dtype, shape) : tensor_from_json(*data, dtype, shape);
        if (tensor.ok()) return tensor;
        return invalid_argument("/{}: {}", size ? "parameters/binary_data_size" : "data",
                                tensor.status().message());
    }

    std::size_t used() const { return used_; }
    std::size_t size() const { return bytes_.size(); }

private:
    Result<Tensor> take(const json::Value& size, DType dtype, const Shape& shape) {
        const std::int64_t count = size.is_int64() ? size.get_int64() : -1;
        if (count < 0 || static_cast<std::uint64_t>(count) > bytes_.size() - used_) {
            return invalid_argument("{} is not among the {} bytes that are left after the JSON",
                                    json::write(size), bytes_.size() - used_);
        }
        const ByteView bytes = bytes_.subspan(used_, static_cast<std::size_t>(count));
        used_ += bytes.size();
        return tensor_from_binary(bytes, dtype, shape);
    }

    const ByteView bytes_;
    std::size_t used_ = 0;
};

class RequestParser {
public:
    RequestParser(const runtime::Signature& signature, ByteView binary, const Regions* regions)
        : signature_(signature), binary_(binary), regions_(regions) {}

    Result<InferRequest> parse(const json::Value& root) {
        if (!root.is_object()) return invalid_argument("the request must be a JSON object");
        InferRequest request;
        if (const json::Value* id = json::find(root, "id")) {
            if (!id->is_string()) return invalid_argument("/id: must be a string");
            request.id = json::as_view(id->get_string());
        }
        for (const std::string_view policy : {kPriority, kTimeout}) {
            const std::optional<std::uint64_t> count = HF_TRY(count_parameter(root, policy));
            if (count) take_policy(request, policy, *count);
        }
        request.sequence = HF_TRY(sequence_of(root));
        HF_TRY(add_inputs(root, request));
        if (binary_.used() != binary_.size()) {
            return invalid_argument("{} bytes of binary data follow the JSON and inputs claim {}",
                                    binary_.size(), binary_.used());
        }
        HF_TRY(add_outputs(root, request));
        return request;
    }

private:
    Status add_inputs(const json::Value& root, InferRequest& request) {
        const json::Array* inputs = json::find_array(root, "inputs");
        if (!inputs) return invalid_argument("/inputs: must be given, as an array");
        request.inputs.resize(signature_.inputs.size());
        for (std::size_t i = 0; i < inputs->size(); ++i) {
            const Status status = add_input((*inputs)[i], request);
            if (!status.ok()) return at("inputs", i, status);
        }
        return check_inputs_given(signature_, request.inputs);
    }

    Status add_input(const json::Value& input, InferRequest& request) {
        const std::string_view name = HF_TRY(name_of(input, signature_.inputs));
        const std::size_t index = HF_TRY(find_input(signature_, name, request.inputs));
        HF_TRY(check_offered(input));
        const DType dtype = HF_TRY(parse_datatype(input));
        const Shape shape = HF_TRY(parse_shape(input));
        HF_TRY(check_port(signature_.inputs[index], dtype, shape));
        request.inputs[index] = HF_TRY(read_tensor(input, dtype, shape));
        return {};
    }

    Result<Tensor> read_tensor(const json::Value& input, DType dtype, const Shape& shape) {
        const RegionSpan region = HF_TRY(region_of(input));
        if (region.empty()) return binary_.read(input, dtype, shape);
        if (json::find(input, "data") || HF_TRY(find_parameter(input, "binary_data_size"))) {
            return invalid_argument("/parameters/{}: give either this or the data", kRegionName);
        }
        return read_region(regions_, region, dtype, shape);
    }

    Status add_outputs(const json::Value& root, InferRequest& request) {
        const bool fallback = HF_TRY(bool_parameter(root, "binary_data_output", false));
        const json::Value* given = json::find(root, "outputs");
        if (given && !given->is_array()) return invalid_argument("/outputs: must be an array");
        if (!given || given->get_array().empty()) {
            for (std::size_t i = 0; i < signature_.outputs.size(); ++i) {
                request.outputs.push_back({i, fallback});
            }
            return {};
        }
        const json::Array& outputs = given->get_array();
        std::vector<bool> wanted(signature_.outputs.size());
        for (std::size_t i = 0; i < outputs.size(); ++i) {
            const Result<InferRequest::Wanted> output = parse_output(outputs[i], fallback);
            if (!output.ok()) return at("outputs", i, output.status());
            if (wanted[output->output]) {
                return invalid_argument("/outputs/{}/name: '{}' is asked for twice", i,
                                        signature_.outputs[output->output].name);
            }
            wanted[output->output] = true;
            request.outputs.push_back(*output);
        }
        return {};
    }

    Result<InferRequest::Wanted> parse_output(const json::Value& output, bool fallback) {
        const std::string_view name = HF_TRY(name_of(output, signature_.outputs));
        const std::size_t index = HF_TRY(find_port(signature_.outputs, name));
        HF_TRY(check_offered(output));
        const bool binary = HF_TRY(bool_parameter(output, "binary_data", fallback));
        RegionSpan region = HF_TRY(region_of(output));
        if (!region.empty()) HF_TRY(check_region(regions_, region));
        return InferRequest::Wanted{index, binary, std::move(region)};
    }

    const runtime::Signature& signature_;
    Binary binary_;
    const Regions* const regions_;
};

// A raw request: no JSON at all, the body is the model's single input.
Result<InferRequest> parse_raw(ByteView body, const runtime::Signature& signature) {
    if (signature.inputs.size() != 1) {
        return invalid_argument("a raw request needs a model with one input; this one takes: {}",
                                names_of(signature.inputs));
    }
    const runtime::Port& port = signature.inputs[0];
    Shape shape = port.shape;
    for (std::size_t i = 0; i < shape.rank(); ++i) {
        if (shape[i] != Shape::kUnknown) continue;
        if (i > 0) return invalid_argument("a raw request needs known extents but for the batch");
        shape[i] = 1;
    }
    InferRequest request;
    request.inputs.push_back(HF_TRY(tensor_from_binary(body, port.dtype, shape)));
    for (std::size_t i = 0; i < signature.outputs.size(); ++i) request.outputs.push_back({i, true});
    return request;
}

Result<OutputTensor> parse_output_tensor(const json::Value& entry, Binary& binary) {
    const std::string name(json::get_string(entry, "name"));
    if (name.empty()) return invalid_argument("/name: must be given, as a string");
    const DType dtype = HF_TRY(parse_datatype(entry));
    const Shape shape = HF_TRY(parse_shape(entry));
    Tensor tensor = HF_TRY(binary.read(entry, dtype, shape));
    return OutputTensor{name, std::move(tensor)};
}

}  // namespace

void take_policy(InferRequest& request, std::string_view name, std::uint64_t value) {
    if (name == kPriority) request.priority = value;
    if (name != kTimeout || value == 0) return;
    constexpr auto kMost = std::chrono::duration_cast<std::chrono::microseconds>(kPatienceMax);
    request.patience =
        std::chrono::microseconds(std::min(value, static_cast<std::uint64_t>(kMost.count())));
}

Result<InferRequest> parse_infer_request(ByteView body, std::optional<std::size_t> json_bytes,
                                         const runtime::Signature& signature,
                                         const Regions* regions) {
    if (json_bytes == std::size_t{0}) return parse_raw(body, signature);
    if (json_bytes && *json_bytes > body.size()) {
        return invalid_argument("Inference-Header-Content-Length is {} and the body has {} bytes",
                                *json_bytes, body.size());
    }
    const ByteView head = body.first(json_bytes.value_or(body.size()));
    const ByteView binary = body.subspan(head.size());
    if (auto request = read_plain_request(as_text(head), binary, signature)) {
        return std::move(*request);
    }
    const json::Value root = HF_TRY(json::parse(as_text(head), body.size()));
    return RequestParser(signature, binary, regions).parse(root);
}

Result<std::vector<OutputTensor>> parse_infer_response(ByteView body,
                                                       std::optional<std::size_t> json_bytes) {
    if (json_bytes && *json_bytes > body.size()) {
        return invalid_argument("Inference-Header-Content-Length is {} and the body has {} bytes",
                                *json_bytes, body.size());
    }
    const ByteView head = body.first(json_bytes.value_or(body.size()));
    const json::Value root = HF_TRY(json::parse(as_text(head), body.size()));
    const json::Array* entries = json::find_array(root, "outputs");
    if (!entries) return invalid_argument("/outputs: must be given, as an array");
    Binary binary(body.subspan(head.size()));
    std::vector<OutputTensor> outputs;
    for (std::size_t i = 0; i < entries->size(); ++i) {
        Result<OutputTensor> output = parse_output_tensor((*entries)[i], binary);
        if (!output.ok()) return at("outputs", i, output.status());
        outputs.push_back(std::move(*output));
    }
    return outputs;
}

}  // namespace hf::serve
