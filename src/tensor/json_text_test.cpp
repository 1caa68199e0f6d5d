#include "tensor/json_text.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "tensor/json.h"

namespace hf {
namespace {

constexpr DType kNumbers[] = {DType::kBool, DType::kU8,  DType::kU16, DType::kU32, DType::kU64,
                              DType::kI8,   DType::kI16, DType::kI32, DType::kI64, DType::kF16,
                              DType::kBF16, DType::kF32, DType::kF64};

bool read(std::string_view text, DType dtype, const Shape& shape, Tensor& tensor) {
    JsonCursor cursor(text);
    return read_tensor_text(cursor, dtype, shape, tensor) && cursor.at_end();
}

bool same(const Tensor& a, const Tensor& b) {
    return a.dtype() == b.dtype() && a.shape() == b.shape() &&
           std::equal(a.bytes().begin(), a.bytes().end(), b.bytes().begin(), b.bytes().end());
}

TEST(TensorText, WhatIsWrittenIsReadBackAsTheSame) {
    Rng rng(3);
    for (const DType dtype : kNumbers) {
        Tensor tensor = random_tensor(dtype, {3, 7}, rng);
        if (dtype == DType::kBool) {
            for (std::uint8_t& byte : tensor.mutable_bytes()) byte &= 1;
        }
        std::string text;
        ASSERT_TRUE(write_tensor_text(tensor, text).ok());
        Tensor back;
        ASSERT_TRUE(read(text, dtype, tensor.shape(), back)) << text;
        EXPECT_TRUE(same(back, tensor)) << text;
        const Result<Tensor> parsed = tensor_from_json(*json::parse(text), dtype, tensor.shape());
        ASSERT_TRUE(parsed.ok()) << parsed.status().to_string();
        EXPECT_TRUE(same(*parsed, tensor)) << text;
    }
}

TEST(TensorText, WhatIsReadIsWhatTheTreeHas) {
    for (std::string_view text :
         {"[1,-0,0.1,2e3,-7.25,16777217]", "[[1,2,3],[4,5,6]]", "[[ -0 , 2 ,3],[ 4,5.5,6e-3 ]]",
          "[1,2,3,4,5,300]", "[1,0,1,0,1,0]"}) {
        for (const DType dtype : kNumbers) {
            Tensor tensor;
            if (!read(text, dtype, {2, 3}, tensor)) continue;
            const Result<Tensor> parsed = tensor_from_json(*json::parse(text), dtype, {2, 3});
            ASSERT_TRUE(parsed.ok()) << text << ": " << parsed.status().to_string();
            EXPECT_TRUE(same(*parsed, tensor)) << text << " of " << dtype_name(dtype);
        }
        Tensor tensor;
        EXPECT_TRUE(read(text, DType::kF32, {2, 3}, tensor)) << text;
    }
}

TEST(TensorText, WhatDoesNotFitIsLeftToTheTree) {
    for (std::string_view text :
         {"[]", "[1]", "[1,2,3,4,5,6,7]", "[[1,2],[3,4],[5,6]]", "[[1,2,3],[4,5]]",
          "[[1,2,3],4,5,6]", "[1,2,3,[4,5,6]]", "[1,2,3,4,5,null]", "[1,2,3,4,5,\"6\"]",
          "[1,2,3,4,5,6", "[[1,2,3],[4,5,6]", "1", "[1,2,3,4,5,]"}) {
        Tensor tensor;
        EXPECT_FALSE(read(text, DType::kF32, {2, 3}, tensor)) << text;
    }
    Tensor tensor;
    EXPECT_FALSE(read("[1.5]", DType::kI32, {1}, tensor));
    EXPECT_FALSE(read("[256]", DType::kU8, {1}, tensor));
    EXPECT_FALSE(read("[-1]", DType::kU8, {1}, tensor));
    EXPECT_FALSE(read("[1]", DType::kBool, {1}, tensor));
    EXPECT_FALSE(read("[128]", DType::kI8, {1}, tensor));
    EXPECT_FALSE(read("[1]", DType::kF32, {1'000'000'000'000}, tensor));
}

TEST(TensorText, WhatJsonHasNoNumberForIsNull) {
    const std::vector<float> odd{std::numeric_limits<float>::infinity(),
                                 -std::numeric_limits<float>::infinity(),
                                 std::nanf(""),
                                 0.1f,
                                 -2,
                                 1e20f};
    std::string text;
    ASSERT_TRUE(write_tensor_text(Tensor::of<float>(DType::kF32, {6}, odd), text).ok());
    EXPECT_EQ(text, "[null,null,null,0.1,-2.0,1e+20]");
}

TEST(TensorText, StringsAreEscaped) {
    std::string text;
    ASSERT_TRUE(write_tensor_text(Tensor::of_strings({3}, {"a", "b\"\n", "é"}), text).ok());
    EXPECT_EQ(text, "[\"a\",\"b\\\"\\n\",\"é\"]");
    std::string complex;
    EXPECT_EQ(write_tensor_text(Tensor(DType::kC64, {1}), complex).code(), Code::kUnimplemented);
}

}  // namespace
}  // namespace hf
