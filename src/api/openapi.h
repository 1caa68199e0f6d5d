// What the API is, for tools: OpenAPI v3 (JSON) of holdfast.dev/v1, and OpenAPI v2 as JSON and as
// gnostic's protobuf encoding, which kubectl before 1.27 asks for. All follow from the field
// tables. Pure functions; the documents are the same at every call.

#pragma once

#include <string>

#include "api/kind.h"

namespace hf::api {

// One row's schema.
json::Value field_schema(const Field& field);

// "dev.holdfast.v1.Service"
std::string schema_name(const Kind& kind);

json::Value openapi_v3();
json::Value openapi_v2();

// openapi_v2() as the message openapi.v2.Document of gnostic's OpenAPIv2.proto, in the parts of it
// that openapi_v2() uses.
std::string openapi_v2_protobuf();

}  // namespace hf::api
