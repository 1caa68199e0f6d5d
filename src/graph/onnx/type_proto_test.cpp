#include "graph/onnx/type_proto.h"

#include <gtest/gtest.h>

#include "graph/onnx/datum_proto.h"
#include "graph/onnx/export.h"
#include "graph/onnx/import.h"
#include "graph/text.h"

namespace hf::graph::onnx {
namespace {

TEST(OnnxTypes, EveryKindComesBackFromAFile) {
    const std::string text =
        "graph \"g\" {\n"
        "  input %t: f32[2x?]\n"
        "  input %s: sequence i64[*]\n"
        "  input %o: optional string[]\n"
        "  input %b: optional sequence f32[3]\n"
        "  output %t\n"
        "  output %s\n"
        "  output %o\n"
        "  output %b\n"
        "}\n";
    const Result<Bytes> bytes = export_model(*parse(text));
    ASSERT_TRUE(bytes.ok()) << bytes.status().to_string();
    const Result<Graph> again = import_model(*bytes, no_external_data());
    ASSERT_TRUE(again.ok()) << again.status().to_string();
    EXPECT_EQ(print(*again), text);
}

TEST(OnnxTypes, AMapIsKnownByWhatItMapsTo) {
    const auto info = read_type(to_bytes("\x2a\x08\x08\x07\x12\x04\x0a\x02\x08\x01"));
    ASSERT_TRUE(info.ok()) << info.status().to_string();
    EXPECT_EQ(info->kind, ValueKind::kMap);
    EXPECT_EQ(info->dtype, DType::kF32);
    const auto empty = read_type(to_bytes(std::string("\x2a\x00", 2)));
    ASSERT_TRUE(empty.ok());
    EXPECT_EQ(empty->kind, ValueKind::kMap);
    EXPECT_EQ(empty->dtype, std::nullopt);
}

// TypeProto by hand: tag and length, then what is inside.
Bytes nested(std::initializer_list<int> tags) {
    std::string bytes = "\x0a\x02\x08\x01";  // a tensor of f32
    for (int tag : tags) {
        bytes = std::string("\x0a", 1) + static_cast<char>(bytes.size()) + bytes;
        bytes = std::string(1, static_cast<char>(tag << 3 | 2)) + static_cast<char>(bytes.size()) +
                bytes;
    }
    return to_bytes(bytes);
}

TEST(OnnxTypes, WhatNestsDeeperIsRefused) {
    EXPECT_EQ(read_type(nested({}))->kind, ValueKind::kTensor);
    EXPECT_EQ(read_type(nested({4}))->kind, ValueKind::kSequence);
    EXPECT_EQ(read_type(nested({9}))->kind, ValueKind::kOptional);
    EXPECT_EQ(read_type(nested({4, 9}))->kind, ValueKind::kOptionalSequence);
    EXPECT_EQ(read_type(nested({4, 9}))->dtype, DType::kF32);
    EXPECT_EQ(read_type(nested({4, 4})).status().message(), "a sequence of what is a sequence");
    EXPECT_EQ(read_type(nested({9, 4})).status().message(), "a sequence of what is an optional");
    EXPECT_EQ(read_type(nested({4, 4, 4, 4, 4, 4, 4, 4})).status().code(),
              Code::kResourceExhausted);
}

TEST(OnnxTypes, DataAreReadAsTheirKindSays) {
    const std::string_view one("\x08\x01\x10\x01\x4a\x04\x00\x00\x80\x3f", 10);
    const auto field = [](int tag, std::string_view inside) {
        return std::string(1, static_cast<char>(tag << 3 | 2)) + static_cast<char>(inside.size()) +
               std::string(inside);
    };
    const auto read = [](const std::string& bytes, ValueKind kind) {
        return parse_datum_proto(to_bytes(bytes), kind);
    };
    EXPECT_EQ(read(std::string(one), ValueKind::kTensor)->tensor()->values<float>()[0], 1.0f);
    const std::string sequence = field(3, one) + field(3, one);
    EXPECT_EQ(read(sequence, ValueKind::kSequence)->sequence()->size(), 2u);
    EXPECT_TRUE(read("", ValueKind::kSequence)->sequence()->empty());
    EXPECT_TRUE(read("", ValueKind::kOptional)->is_nothing());
    EXPECT_TRUE(read("\x10\x01" + field(3, one), ValueKind::kOptional)->tensor());
    EXPECT_EQ(
        read("\x10\x03" + field(5, sequence), ValueKind::kOptionalSequence)->sequence()->size(),
        2u);
    EXPECT_EQ(read("\x10\x04", ValueKind::kOptional).status().code(), Code::kUnimplemented);
    EXPECT_EQ(read("\x1a\x05", ValueKind::kSequence).status().code(), Code::kInvalidArgument);
    EXPECT_EQ(read("", ValueKind::kMap).status().code(), Code::kUnimplemented);
}

}  // namespace
}  // namespace hf::graph::onnx
