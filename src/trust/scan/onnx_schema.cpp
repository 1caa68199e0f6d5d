#include "trust/scan/onnx_schema.h"

#include "base/check.h"

namespace hf::trust::scan {
namespace {

constexpr bool kOnce = false;
constexpr bool kMany = true;
using enum FieldKind;

constexpr FieldRule kModelRules[] = {
    {1, kVarint, kOnce, "ir_version"},
    {2, kText, kOnce, "producer_name"},
    {3, kText, kOnce, "producer_version"},
    {4, kText, kOnce, "domain"},
    {5, kVarint, kOnce, "model_version"},
    {6, kData, kOnce, "doc_string"},
    {7, kMessage, kOnce, "graph", Message::kGraph},
    {8, kMessage, kMany, "opset_import", Message::kOpset},
    {14, kMessage, kMany, "metadata_props", Message::kEntry},
    {20, kMessage, kMany, "training_info", Message::kTraining},
    {25, kMessage, kMany, "functions", Message::kFunction},
};
constexpr FieldRule kGraphRules[] = {
    {1, kMessage, kMany, "node", Message::kNode},
    {2, kText, kOnce, "name"},
    {5, kMessage, kMany, "initializer", Message::kTensor},
    {10, kData, kOnce, "doc_string"},
    {11, kMessage, kMany, "input", Message::kValueInfo},
    {12, kMessage, kMany, "output", Message::kValueInfo},
    {13, kMessage, kMany, "value_info", Message::kValueInfo},
    {14, kMessage, kMany, "quantization_annotation", Message::kAnnotation},
    {15, kMessage, kMany, "sparse_initializer", Message::kSparseTensor},
    {16, kMessage, kMany, "metadata_props", Message::kEntry},
};
constexpr FieldRule kNodeRules[] = {
    {1, kText, kMany, "input"},
    {2, kText, kMany, "output"},
    {3, kText, kOnce, "name"},
    {4, kText, kOnce, "op_type"},
    {5, kMessage, kMany, "attribute", Message::kAttribute},
    {6, kData, kOnce, "doc_string"},
    {7, kText, kOnce, "domain"},
    {8, kText, kOnce, "overload"},
    {9, kMessage, kMany, "metadata_props", Message::kEntry},
};
constexpr FieldRule kAttributeRules[] = {
    {1, kText, kOnce, "name"},
    {2, kFixed32, kOnce, "f"},
    {3, kVarint, kOnce, "i"},
    {4, kData, kOnce, "s"},
    {5, kMessage, kOnce, "t", Message::kTensor},
    {6, kMessage, kOnce, "g", Message::kGraph},
    {7, kFixed32, kMany, "floats"},
    {8, kVarint, kMany, "ints"},
    {9, kData, kMany, "strings"},
    {10, kMessage, kMany, "tensors", Message::kTensor},
    {11, kMessage, kMany, "graphs", Message::kGraph},
    {13, kData, kOnce, "doc_string"},
    {14, kMessage, kOnce, "tp", Message::kType},
    {15, kMessage, kMany, "type_protos", Message::kType},
    {20, kVarint, kOnce, "type"},
    {21, kText, kOnce, "ref_attr_name"},
    {22, kMessage, kOnce, "sparse_tensor", Message::kSparseTensor},
    {23, kMessage, kMany, "sparse_tensors", Message::kSparseTensor},
};
constexpr FieldRule kTensorRules[] = {
    {1, kVarint, kMany, "dims"},
    {2, kVarint, kOnce, "data_type"},
    {3, kMessage, kOnce, "segment", Message::kSegment},
    {4, kFixed32, kMany, "float_data"},
    {5, kVarint, kMany, "int32_data"},
    {6, kData, kMany, "string_data"},
    {7, kVarint, kMany, "int64_data"},
    {8, kText, kOnce, "name"},
    {9, kData, kOnce, "raw_data"},
    {10, kFixed64, kMany, "double_data"},
    {11, kVarint, kMany, "uint64_data"},
    {12, kData, kOnce, "doc_string"},
    {13, kMessage, kMany, "external_data", Message::kEntry},
    {14, kVarint, kOnce, "data_location"},
    {16, kMessage, kMany, "metadata_props", Message::kEntry},
};
constexpr FieldRule kSparseTensorRules[] = {
    {1, kMessage, kOnce, "values", Message::kTensor},
    {2, kMessage, kOnce, "indices", Message::kTensor},
    {3, kVarint, kMany, "dims"},
};
constexpr FieldRule kSegmentRules[] = {{1, kVarint, kOnce, "begin"}, {2, kVarint, kOnce, "end"}};
constexpr FieldRule kEntryRules[] = {{1, kText, kOnce, "key"}, {2, kData, kOnce, "value"}};
constexpr FieldRule kAnnotationRules[] = {
    {1, kText, kOnce, "tensor_name"},
    {2, kMessage, kMany, "quant_parameter_tensor_names", Message::kEntry},
};
constexpr FieldRule kValueInfoRules[] = {
    {1, kText, kOnce, "name"},
    {2, kMessage, kOnce, "type", Message::kType},
    {3, kData, kOnce, "doc_string"},
    {4, kMessage, kMany, "metadata_props", Message::kEntry},
};
constexpr FieldRule kTypeRules[] = {
    {1, kMessage, kOnce, "tensor_type", Message::kTensorType},
    {4, kMessage, kOnce, "sequence_type", Message::kSequenceType},
    {5, kMessage, kOnce, "map_type", Message::kMapType},
    {6, kText, kOnce, "denotation"},
    {7, kMessage, kOnce, "opaque_type", Message::kOpaqueType},
    {8, kMessage, kOnce, "sparse_tensor_type", Message::kTensorType},
    {9, kMessage, kOnce, "optional_type", Message::kSequenceType},
};
constexpr FieldRule kTensorTypeRules[] = {
    {1, kVarint, kOnce, "elem_type"},
    {2, kMessage, kOnce, "shape", Message::kShape},
};
constexpr FieldRule kSequenceTypeRules[] = {{1, kMessage, kOnce, "elem_type", Message::kType}};
constexpr FieldRule kMapTypeRules[] = {
    {1, kVarint, kOnce, "key_type"},
    {2, kMessage, kOnce, "value_type", Message::kType},
};
constexpr FieldRule kOpaqueTypeRules[] = {{1, kText, kOnce, "domain"}, {2, kText, kOnce, "name"}};
constexpr FieldRule kShapeRules[] = {{1, kMessage, kMany, "dim", Message::kDimension}};
constexpr FieldRule kDimensionRules[] = {
    {1, kVarint, kOnce, "dim_value"},
    {2, kText, kOnce, "dim_param"},
    {3, kText, kOnce, "denotation"},
};
constexpr FieldRule kOpsetRules[] = {{1, kText, kOnce, "domain"}, {2, kVarint, kOnce, "version"}};
constexpr FieldRule kFunctionRules[] = {
    {1, kText, kOnce, "name"},
    {2, kVarint, kOnce, "since_version"},
    {3, kVarint, kOnce, "status"},
    {4, kText, kMany, "input"},
    {5, kText, kMany, "output"},
    {6, kText, kMany, "attribute"},
    {7, kMessage, kMany, "node", Message::kNode},
    {8, kData, kOnce, "doc_string"},
    {9, kMessage, kMany, "opset_import", Message::kOpset},
    {10, kText, kOnce, "domain"},
    {11, kMessage, kMany, "attribute_proto", Message::kAttribute},
    {12, kMessage, kMany, "value_info", Message::kValueInfo},
    {13, kText, kOnce, "overload"},
    {14, kMessage, kMany, "metadata_props", Message::kEntry},
};
constexpr FieldRule kTrainingRules[] = {
    {1, kMessage, kOnce, "initialization", Message::kGraph},
    {2, kMessage, kOnce, "algorithm", Message::kGraph},
    {3, kMessage, kMany, "initialization_binding", Message::kEntry},
    {4, kMessage, kMany, "update_binding", Message::kEntry},
};

}  // namespace

std::span<const FieldRule> rules_of(Message message) {
    switch (message) {
        case Message::kModel: return kModelRules;
        case Message::kGraph: return kGraphRules;
        case Message::kNode: return kNodeRules;
        case Message::kAttribute: return kAttributeRules;
        case Message::kTensor: return kTensorRules;
        case Message::kSparseTensor: return kSparseTensorRules;
        case Message::kSegment: return kSegmentRules;
        case Message::kEntry: return kEntryRules;
        case Message::kAnnotation: return kAnnotationRules;
        case Message::kValueInfo: return kValueInfoRules;
        case Message::kType: return kTypeRules;
        case Message::kTensorType: return kTensorTypeRules;
        case Message::kSequenceType: return kSequenceTypeRules;
        case Message::kMapType: return kMapTypeRules;
        case Message::kOpaqueType: return kOpaqueTypeRules;
        case Message::kShape: return kShapeRules;
        case Message::kDimension: return kDimensionRules;
        case Message::kOpset: return kOpsetRules;
        case Message::kFunction: return kFunctionRules;
        case Message::kTraining: return kTrainingRules;
    }
    return {};
}

std::string_view message_name(Message message) {
    constexpr std::string_view kNames[] = {
        "model",         "graph",       "node",          "attribute",  "tensor",
        "sparse tensor", "segment",     "entry",         "annotation", "value",
        "type",          "tensor type", "sequence type", "map type",   "opaque type",
        "shape",         "dimension",   "opset",         "function",   "training"};
    const auto index = static_cast<std::size_t>(message);
    HF_CHECK(index < std::size(kNames));
    return kNames[index];
}

}  // namespace hf::trust::scan
