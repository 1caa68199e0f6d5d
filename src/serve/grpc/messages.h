// The smaller messages of the services that are offered over gRPC, between Protocol Buffers and our
// values; for inferences see infer_call.h, for the extensions repository_message.h and
// statistics_message.h. Pure functions. What does not read is INVALID_ARGUMENT;
// unknown fields are ignored.
//
// Numbers and names of fields are those of the Open Inference Protocol (kserve/
// open-inference-protocol: specification/protocol/open_inference_grpc.proto), of its extensions as
// Triton has them, and of gRPC's health checking.

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/protobuf.h"
#include "base/status.h"
#include "runtime/model.h"

namespace hf::serve::grpc {

using protobuf::read_fields;
using protobuf::view_of;

// A field that must be text, which is UTF-8.
Result<std::string> read_text(protozero::pbf_reader& field);

// One entry of a map of parameters: its name, and its value where it is a truth, a number that is
// not negative, or a text.
struct Parameter {
    std::string name;
    std::optional<bool> truth;
    std::optional<std::uint64_t> number;
    std::optional<std::string> text = {};
};
Result<Parameter> read_parameter(ByteView entry);

// The text in the field of that number; empty without one.
Result<std::string> read_text_at(ByteView message, std::uint32_t number);

struct ModelName {
    std::string name;
    std::string version;
};
Result<ModelName> read_model_name(ByteView message);  // fields 1 and 2

Bytes write_truth(bool truth);  // field 1: of live and ready

// As HealthCheckResponse.ServingStatus has it.
enum class Health : unsigned char { kServing = 1, kNotServing = 2, kServiceUnknown = 3 };

Bytes write_health(Health health);  // grpc.health.v1.HealthCheckResponse

Bytes write_stream_error(std::string_view text);

struct ServerMetadata {
    std::string_view name;
    std::string_view version;
    std::vector<std::string_view> extensions;
};
Bytes write_server_metadata(const ServerMetadata& metadata);

struct ModelMetadata {
    std::string_view name;
    std::vector<std::string> versions;
    std::string_view platform;
    const runtime::Signature& signature;
    std::vector<std::pair<std::string, std::string>> properties;
};
Bytes write_model_metadata(const ModelMetadata& metadata);

}  // namespace hf::serve::grpc
