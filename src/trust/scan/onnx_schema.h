// The messages of ONNX as a table (onnx/onnx: onnx/onnx.proto, IR version 13): which fields each
// has, of which kind, how often. What is not in the table does not pass. Internal to trust/scan.

#pragma once

#include <span>
#include <string_view>

#include "base/bytes.h"

namespace hf::trust::scan {

enum class Message : unsigned char {
    kModel,
    kGraph,
    kNode,
    kAttribute,
    kTensor,
    kSparseTensor,
    kSegment,
    kEntry,  // StringStringEntryProto
    kAnnotation,
    kValueInfo,
    kType,
    kTensorType,
    kSequenceType,
    kMapType,
    kOpaqueType,
    kShape,
    kDimension,
    kOpset,
    kFunction,
    kTraining,
};

enum class FieldKind : unsigned char {
    kVarint,
    kFixed32,
    kFixed64,
    kText,     // a name or the like, within name_bytes_max
    kData,     // bytes of any length
    kMessage,  // of the rule's `child`
};

struct FieldRule {
    std::uint64_t number;
    FieldKind kind;
    bool repeated;
    std::string_view name;
    Message child = Message::kModel;
};

std::span<const FieldRule> rules_of(Message message);
std::string_view message_name(Message message);  // "graph", "node"

}  // namespace hf::trust::scan
