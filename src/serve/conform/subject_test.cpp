#include "serve/conform/subject.h"

#include <gtest/gtest.h>

#include "serve/conform/echo_model_test.h"
#include "serve/tensors.h"
#include "tensor/json.h"

namespace hf::serve::conform {
namespace {

Subject with_model(std::string_view metadata) {
    Subject subject = std::move(*subject_at("http://127.0.0.1:8080"));
    read_model(metadata, subject);
    return subject;
}

TEST(ConformSubject, WhereTheServerIs) {
    const Subject plain = *subject_at("http://127.0.0.1:8080");
    EXPECT_EQ(plain.origin, "http://127.0.0.1:8080");
    EXPECT_EQ(plain.authority, "127.0.0.1:8080");
    EXPECT_EQ(plain.base, "");
    EXPECT_EQ(subject_at("http://a/serving/")->base, "/serving");
    EXPECT_EQ(subject_at("https://a/v2/")->base, "");
    EXPECT_EQ(subject_at("https://a/x/v2?y")->base, "/x");
    EXPECT_FALSE(subject_at("a:8080").ok());
}

TEST(ConformSubject, WhatAServerAnnounces) {
    Subject subject;
    read_server(R"({"extensions":["binary_tensor_data",7]})", subject);
    EXPECT_TRUE(subject.announces("binary_tensor_data"));
    EXPECT_FALSE(subject.announces("binary"));
    EXPECT_EQ(subject.extensions.size(), 1u);
    for (const char* body : {"", "[]", "{}", R"({"extensions":"all"})"}) {
        Subject other;
        read_server(body, other);
        EXPECT_TRUE(other.extensions.empty()) << body;
    }
}

TEST(ConformSubject, MetadataThatCannotBeUsedAreTrouble) {
    EXPECT_EQ(with_model(R"({"versions":["2"],"inputs":[{"name":"x","datatype":"FP32",)"
                         R"("shape":[-1,4]}],"outputs":[]})")
                  .trouble,
              "");
    for (const char* metadata :
         {"", "[]", "{}", R"({"inputs":[],"outputs":[]})", R"({"inputs":[7],"outputs":[]})",
          R"({"inputs":[{"name":"x","datatype":"FP33","shape":[1]}],"outputs":[]})",
          R"({"inputs":[{"name":"x","datatype":"FP32","shape":[-2]}],"outputs":[]})",
          R"({"inputs":[{"name":"x","datatype":"FP32"}],"outputs":[]})",
          R"({"inputs":[{"name":"x","datatype":"FP32","shape":[9999999,9999999]}],"outputs":[]})",
          R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1]}]})"}) {
        EXPECT_NE(with_model(metadata).trouble, "") << metadata;
    }
}

TEST(ConformSubject, OpenExtentsAreFilledWithinBounds) {
    Subject subject = with_model(R"({"inputs":[{"name":"x","datatype":"FP32","shape":[-1,4,-1]},)"
                                 R"({"name":"n","datatype":"INT64","shape":[3]}],"outputs":[]})");
    EXPECT_TRUE(has_open_extents(subject));
    EXPECT_EQ(subject.inputs[0].extents, Shape({1, 4, 1}));
    EXPECT_TRUE(fill_open_extents(subject, 8));
    EXPECT_EQ(subject.inputs[0].extents, Shape({8, 4, 8}));
    EXPECT_EQ(subject.inputs[1].extents, Shape({3}));
    EXPECT_FALSE(fill_open_extents(subject, 1 << 20));
    EXPECT_FALSE(has_open_extents(
        with_model(R"({"inputs":[{"name":"n","datatype":"INT64","shape":[3]}],"outputs":[]})")));
}

// Both forms of an example mean the same, for every datatype: what compares answers relies on it.
TEST(ConformSubject, ExamplesAreTheSameInBothForms) {
    for (const DType dtype : all_datatypes()) {
        const ModelPort port{"x", dtype, {5}, {5}};
        const Tensor tensor = example(port);
        const Tensor by_json = *tensor_from_json(*tensor_to_json(tensor), dtype, {5});
        const Tensor by_bytes = *tensor_from_binary(tensor_to_binary(tensor), dtype, {5});
        EXPECT_EQ(tensor_to_binary(by_json), tensor_to_binary(tensor)) << oip_name(dtype);
        EXPECT_EQ(tensor_to_binary(by_bytes), tensor_to_binary(tensor)) << oip_name(dtype);
    }
    EXPECT_EQ(json::write(*tensor_to_json(example({"x", DType::kI8, {3}, {3}}))), "[1,0,1]");
    EXPECT_EQ(json::write(*tensor_to_json(example({"x", DType::kString, {2}, {2}}))),
              R"(["1","0"])");
}

}  // namespace
}  // namespace hf::serve::conform
