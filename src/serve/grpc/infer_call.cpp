#include "serve/grpc/infer_call.h"

#include <algorithm>

#include "base/text.h"
#include "serve/grpc/messages.h"
#include "serve/grpc/typed_contents.h"
#include "serve/shared_memory/regions.h"
#include "serve/signature_check.h"
#include "serve/tensors.h"

namespace hf::serve::grpc {
namespace {

using Reader = protozero::pbf_reader;
using Writer = protozero::pbf_writer;

constexpr std::string_view kFinalWanted = "triton_enable_empty_final_response";

// Repeated integers come packed, or one by one.
Status read_extents(Reader& field, std::vector<std::int64_t>& shape) {
    const auto add = [&shape](std::int64_t extent) -> Status {
        if (shape.size() == Shape::kMaxRank) {
            return invalid_argument("/shape: has more than {} extents", Shape::kMaxRank);
        }
        shape.push_back(extent);
        return {};
    };
    if (field.wire_type() != protozero::pbf_wire_type::length_delimited) {
        return add(field.get_int64());
    }
    for (std::int64_t extent : field.get_packed_int64()) HF_TRY(add(extent));
    return {};
}

Result<InferCall::Tensor> read_input(ByteView message) {
    InferCall::Tensor tensor;
    HF_TRY(read_fields(message, [&](Reader& field) -> Status {
        switch (field.tag()) {
            case 1: tensor.name = HF_TRY(read_text(field)); break;
            case 2: tensor.datatype = HF_TRY(read_text(field)); break;
            case 3: return read_extents(field, tensor.shape);
            case 4: tensor.parameters.push_back(HF_TRY(read_parameter(view_of(field)))); break;
            case 5:
                tensor.contents = view_of(field);
                tensor.has_contents = true;
                break;
            default: field.skip();
        }
        return {};
    }));
    return tensor;
}

Result<InferCall::Tensor> read_output(ByteView message) {
    InferCall::Tensor tensor;
    HF_TRY(read_fields(message, [&](Reader& field) -> Status {
        switch (field.tag()) {
            case 1: tensor.name = HF_TRY(read_text(field)); break;
            case 2: tensor.parameters.push_back(HF_TRY(read_parameter(view_of(field)))); break;
            default: field.skip();
        }
        return {};
    }));
    return tensor;
}

Status add_tensor(std::vector<InferCall::Tensor>& to, std::string_view array,
                  Result<InferCall::Tensor> tensor) {
    if (!tensor.ok()) {
        const bool pointed = tensor.status().message().starts_with('/');
        return at(array, to.size(), pointed ? tensor.status() : tensor.status().context(""));
    }
    if (to.size() == kTensorsMax) {
        return invalid_argument("/{}: has more than {} entries", array, kTensorsMax);
    }
    to.push_back(std::move(*tensor));
    return {};
}

// Zero and "" are no sequence.
Status note_sequence(const Parameter& parameter, SequenceMark& mark) {
    if (parameter.name == kSequenceId) {
        mark.id = parameter.text.value_or("");
        if (parameter.number.value_or(0) > 0) mark.id = std::to_string(*parameter.number);
        if (parameter.text || parameter.number) return {};
        return invalid_argument("/parameters/{}: must be a text, or a whole number, 0 or greater",
                                kSequenceId);
    }
    if (parameter.name == kSequenceStart) mark.start = parameter.truth.value_or(false);
    if (parameter.name == kSequenceEnd) mark.end = parameter.truth.value_or(false);
    return {};
}

Status read_field(Reader& field, InferCall& call) {
    switch (field.tag()) {
        case 1: call.model_name = HF_TRY(read_text(field)); break;
        case 2: call.model_version = HF_TRY(read_text(field)); break;
        case 3: call.id = HF_TRY(read_text(field)); break;
        case 4: {
            const Parameter parameter = HF_TRY(read_parameter(view_of(field)));
            if (parameter.name == kFinalWanted) {
                call.wants_final = parameter.truth.value_or(false);
            }
            if (parameter.name == kPriority) call.priority = parameter.number;
            if (parameter.name == kTimeout) call.timeout = parameter.number;
            return note_sequence(parameter, call.sequence);
        }
        case 5: return add_tensor(call.inputs, "inputs", read_input(view_of(field)));
        case 6: return add_tensor(call.outputs, "outputs", read_output(view_of(field)));
        case 7:
            if (call.raw.size() == kTensorsMax) {
                return invalid_argument("/raw_input_contents: has more than {} entries",
                                        kTensorsMax);
            }
            call.raw.push_back(view_of(field));
            break;
        default: field.skip();
    }
    return {};
}

Status check_parameters(const InferCall::Tensor& tensor) {
    for (const Parameter& given : tensor.parameters) {
        const auto end = kNotOffered.end();
        if (std::find(kNotOffered.begin(), end, given.name) == end) continue;
        return invalid_argument("/parameters/{}: this extension is not offered; leave it out",
                                given.name);
    }
    return {};
}

bool is_in_region(const InferCall::Tensor& tensor) {
    const auto names_one = [](const Parameter& given) {
        return given.name == kRegionName || given.name == kRegionByteSize;
    };
    return std::any_of(tensor.parameters.begin(), tensor.parameters.end(), names_one);
}

// Where the tensor lies in shared memory; empty where it does not.
Result<RegionSpan> region_of(const InferCall::Tensor& tensor) {
    RegionSpan span;
    if (!is_in_region(tensor)) return span;
    bool sized = false;
    for (const Parameter& given : tensor.parameters) {
        if (given.name == kRegionName) {
            span.region = given.text.value_or("");
            if (!span.region.empty()) continue;
            return invalid_argument("/parameters/{}: must be the name of a region", kRegionName);
        }
        const bool is_size = given.name == kRegionByteSize;
        if (!is_size && given.name != kRegionOffset) continue;
        if (!given.number) {
            return invalid_argument("/parameters/{}: must be a whole number, 0 or greater",
                                    given.name);
        }
        (is_size ? span.byte_size : span.offset) = *given.number;
        sized = sized || is_size;
    }
    if (span.region.empty()) {
        return invalid_argument("/parameters/{}: must be given with {}", kRegionName,
                                kRegionByteSize);
    }
    if (sized) return span;
    return invalid_argument("/parameters/{}: must be given", kRegionByteSize);
}

// What the inputs of a call are read against, and from.
struct Reading {
    const runtime::Signature& signature;
    const Regions* regions;
};

// `raw`: null when the contents are typed, or in a region.
Status add_input(const InferCall::Tensor& given, const ByteView* raw, const Reading& reading,
                 std::vector<Tensor>& inputs) {
    const runtime::Signature& signature = reading.signature;
    const std::size_t index = HF_TRY(find_input(signature, given.name, inputs));
    HF_TRY(check_parameters(given));
    const DType dtype = HF_TRY(read_datatype(given.datatype));
    const Shape shape = HF_TRY(read_shape(given.shape));
    HF_TRY(check_port(signature.inputs[index], dtype, shape));
    const RegionSpan region = HF_TRY(region_of(given));
    if (!region.empty()) {
        if (given.has_contents) {
            return invalid_argument("/contents: give either these or a region");
        }
        inputs[index] = HF_TRY(read_region(reading.regions, region, dtype, shape));
        return {};
    }
    if (raw && given.has_contents) {
        return invalid_argument("/contents: give either these or raw_input_contents");
    }
    Result<Tensor> tensor =
        raw ? tensor_from_binary(*raw, dtype, shape) : read_typed(given.contents, dtype, shape);
    if (!tensor.ok()) {
        return invalid_argument("{}: {}", raw ? " in raw_input_contents" : "/contents",
                                tensor.status().message());
    }
    inputs[index] = std::move(*tensor);
    return {};
}

Result<RegionSpan> checked(const Reading& reading, RegionSpan span) {
    HF_TRY(check_region(reading.regions, span));
    return span;
}

Status add_outputs(const InferCall& call, const Reading& reading, InferRequest& request) {
    const runtime::Signature& signature = reading.signature;
    const bool raw = is_raw(call);
    if (call.outputs.empty()) {
        for (std::size_t i = 0; i < signature.outputs.size(); ++i) {
            request.outputs.push_back({i, raw});
        }
        return {};
    }
    std::vector<bool> wanted(signature.outputs.size());
    for (std::size_t i = 0; i < call.outputs.size(); ++i) {
        const InferCall::Tensor& output = call.outputs[i];
        const Result<std::size_t> index = find_port(signature.outputs, output.name);
        if (!index.ok()) return at("outputs", i, index.status());
        const Status offered = check_parameters(output);
        if (!offered.ok()) return at("outputs", i, offered);
        if (wanted[*index]) {
            return invalid_argument("/outputs/{}/name: '{}' is asked for twice", i, output.name);
        }
        wanted[*index] = true;
        Result<RegionSpan> region = region_of(output);
        if (region.ok() && !region->empty()) region = checked(reading, std::move(*region));
        if (!region.ok()) return at("outputs", i, region.status());
        request.outputs.push_back({*index, raw, std::move(*region)});
    }
    return {};
}

// Where an output has gone to, and how much of it there is.
void add_region(Writer& output, const RegionSpan& region, const Tensor& tensor) {
    if (region.empty()) return;
    add_parameter(output, kRegionName, json::Value(std::string_view(region.region)));
    add_parameter(output, kRegionOffset, static_cast<std::int64_t>(region.offset));
    add_parameter(output, kRegionByteSize, static_cast<std::int64_t>(binary_size(tensor)));
}

}  // namespace

void add_parameter(Writer& to, std::string_view name, const json::Value& value) {
    Writer entry(to, 4);
    entry.add_string(1, name.data(), name.size());
    Writer parameter(entry, 2);
    if (value.is_bool()) {
        parameter.add_bool(1, value.get_bool());
    } else if (value.is_int64()) {
        parameter.add_int64(2, value.get_int64());
    } else if (value.is_string()) {
        const std::string_view text = json::as_view(value.get_string());
        parameter.add_string(3, text.data(), text.size());
    } else {
        parameter.add_string(3, json::write(value));
    }
}

Result<InferCall> read_infer_call(ByteView message) {
    InferCall call;
    HF_TRY(read_fields(message, [&](Reader& field) { return read_field(field, call); }));
    return call;
}

bool is_raw(const InferCall& call) {
    return !call.raw.empty() || std::any_of(call.inputs.begin(), call.inputs.end(), is_in_region);
}

Result<std::vector<const ByteView*>> raw_contents(const InferCall& call) {
    std::vector<const ByteView*> contents(call.inputs.size());
    if (call.raw.empty()) return contents;
    const auto elsewhere = static_cast<std::size_t>(
        std::count_if(call.inputs.begin(), call.inputs.end(), is_in_region));
    if (call.raw.size() != call.inputs.size() - elsewhere) {
        return invalid_argument("/raw_input_contents: {} entries for {} inputs", call.raw.size(),
                                call.inputs.size() - elsewhere);
    }
    std::size_t next = 0;
    for (std::size_t i = 0; i < call.inputs.size(); ++i) {
        if (!is_in_region(call.inputs[i])) contents[i] = &call.raw[next++];
    }
    return contents;
}

Result<InferRequest> to_infer_request(const InferCall& call, const runtime::Signature& signature,
                                      const Regions* regions) {
    const Reading reading{signature, regions};
    const std::vector<const ByteView*> raw = HF_TRY(raw_contents(call));
    InferRequest request;
    request.id = call.id;
    HF_TRY(check_sequence(call.sequence));
    request.sequence = call.sequence;
    if (call.priority) take_policy(request, kPriority, *call.priority);
    if (call.timeout) take_policy(request, kTimeout, *call.timeout);
    request.inputs.resize(signature.inputs.size());
    for (std::size_t i = 0; i < call.inputs.size(); ++i) {
        const Status status = add_input(call.inputs[i], raw[i], reading, request.inputs);
        if (!status.ok()) return at("inputs", i, status);
    }
    HF_TRY(check_inputs_given(signature, request.inputs));
    HF_TRY(add_outputs(call, reading, request));
    return request;
}

Bytes write_infer_answer(const InferCall& call, const InferRequest& request, const Answer& answer,
                         const runtime::Signature& signature) {
    const bool typed = !is_raw(call) &&
                       std::all_of(request.outputs.begin(), request.outputs.end(),
                                   [&](const InferRequest::Wanted& wanted) {
                                       return wanted.region.empty() &&
                                              has_typed_form(answer.outputs[wanted.output].dtype());
                                   });
    std::string message;
    Writer writer(message);
    writer.add_string(1, answer.model_name.data(), answer.model_name.size());
    writer.add_string(2, answer.model_version.data(), answer.model_version.size());
    writer.add_string(3, request.id);
    for (const auto& [name, value] : answer.parameters) {
        add_parameter(writer, {name.data(), name.size()}, value);
    }
    if (call.wants_final) add_parameter(writer, kFinal, true);
    for (const InferRequest::Wanted& wanted : request.outputs) {
        const Tensor& tensor = answer.outputs[wanted.output];
        Writer output(writer, 5);
        output.add_string(1, signature.outputs[wanted.output].name);
        output.add_string(2, std::string(oip_name(tensor.dtype())));
        output.add_packed_int64(3, tensor.shape().begin(), tensor.shape().end());
        add_region(output, wanted.region, tensor);
        if (typed) output.add_message(5, write_typed(tensor));
    }
    for (const InferRequest::Wanted& wanted : request.outputs) {
        if (typed) break;
        if (!wanted.region.empty()) {
            writer.add_bytes(6, "");
            continue;
        }
        const Bytes bytes = tensor_to_binary(answer.outputs[wanted.output]);
        const std::string_view text = as_text(bytes);
        writer.add_bytes(6, text.data(), text.size());
    }
    return to_bytes(message);
}

Bytes wrap_in_stream(ByteView answer) {
    std::string message;
    const std::string_view text = as_text(answer);
    Writer(message).add_message(2, text.data(), text.size());
    return to_bytes(message);
}

}  // namespace hf::serve::grpc
