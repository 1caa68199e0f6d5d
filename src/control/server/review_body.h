// Bodies of access reviews and token requests. kubectl since 1.32 sends these few in Kubernetes'
// protobuf envelope ("k8s\0", then runtime.Unknown; k8s.io/apimachinery,
// pkg/runtime/generated.proto) and reads JSON. What is read of them is what the answers depend on.
// Pure.

#pragma once

#include "base/bytes.h"
#include "base/json.h"

namespace hf::control {

inline constexpr std::string_view kKubernetesProtobuf = "application/vnd.kubernetes.protobuf";

// An object {"apiVersion", "kind", "spec"} from the protobuf form. INVALID_ARGUMENT when it is
// malformed or of another kind than the reviews and TokenRequest.
Result<json::Value> parse_protobuf_review(ByteView body);

}  // namespace hf::control
