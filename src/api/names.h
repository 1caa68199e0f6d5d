// The rules for names and references, as Kubernetes states them ("Object Names and IDs", "Labels
// and Selectors"): RFC 1123 names, label keys and values; and Holdfast's model references.
//
// Each check answers OK or INVALID_ARGUMENT with what is wrong and what a good value looks like.
// Pure functions.

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/status.h"

namespace hf::api {

inline constexpr std::size_t kMaxNameBytes = 253;  // RFC 1123 subdomain
inline constexpr std::size_t kMaxLabelBytes = 63;  // RFC 1123 label; also a label's name and value
inline constexpr std::size_t kMaxAnnotationsBytes = 256u << 10;  // of all annotations together

// "pump-7.line-2": lower-case letters, digits, '-' and '.', beginning and ending with one of the
// first two kinds.
Status check_name(std::string_view name);

// A name without dots, at most 63 bytes: what namespaces are called.
Status check_namespace(std::string_view name);

// "app" or "example.com/app"; used for labels, annotations (keys) and finalizers.
Status check_qualified_name(std::string_view name);

// Empty, or letters, digits, '-', '_' and '.', at most 63 bytes.
Status check_label_value(std::string_view value);

// "pump:v1" or "pump@sha256:...": a model's name and which version of it.
struct ModelReference {
    std::string name;
    std::string tag;               // empty when `digest` is set
    std::optional<Digest> digest;  // of the version's ModelPack manifest
};
Result<ModelReference> parse_model_reference(std::string_view text);

}  // namespace hf::api
