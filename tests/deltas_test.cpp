// Deltas between real models and fine-tunes of them: the weights of the files in ../shared/data,
// found as the commands find them, changed as testing/fine_tune.h says.

#include <gtest/gtest.h>

#include "graph/weights.h"
#include "posix/files.h"
#include "testing/fine_tune.h"
#include "testing/script.h"
#include "testing/temp_dir.h"
#include "vault/delta/encode.h"
#include "vault/delta/files.h"

namespace hf {
namespace {

using testing::Stored;
using vault::delta::Side;

std::optional<Stored> stored_as(DType dtype) {
    switch (dtype) {
        case DType::kI8: return Stored::kI8;
        case DType::kU8: return Stored::kU8;
        case DType::kI32: return Stored::kI32;
        case DType::kBF16: return Stored::kBF16;
        case DType::kF32: return Stored::kF32;
        default: return std::nullopt;
    }
}

Side side_of(ByteView file) {
    Side side{file, {}};
    for (graph::WeightPlace& place : graph::find_weights(file)) {
        side.tensors.push_back({std::move(place.name), place.offset, place.size,
                                vault::delta::element_of(place.dtype)});
    }
    return side;
}

// All weights but those of a few elements, which are shapes and the like.
Bytes fine_tuned(ByteView model, double noise) {
    constexpr std::uint64_t kFew = 16;
    Rng rng(testing::seed());
    Bytes result(model.begin(), model.end());
    for (const graph::WeightPlace& place : graph::find_weights(model)) {
        const std::optional<Stored> type = stored_as(place.dtype);
        if (!type || place.size < kFew) continue;
        testing::fine_tune(std::span(result).subspan(place.offset, place.size), *type, noise, rng);
    }
    return result;
}

Bytes read_model(const std::string& name) {
    return posix::RealFiles().read(testing::data_dir() + "/models/" + name, 64 << 20).value();
}

// In percent of the result, once the delta has made it on the real file system.
double percent_made(const Side& base, const Side& result) {
    const testing::TempDir dir;
    posix::RealFiles files;
    const Bytes delta = encode(base, result);
    EXPECT_EQ(files.write(dir / "base", base.bytes), Status());
    EXPECT_EQ(files.write(dir / "delta", delta), Status());
    const auto made =
        vault::delta::apply_file(files, {dir / "base", dir / "delta", dir / "result"});
    EXPECT_EQ(made.status(), Status());
    const Bytes bytes = files.read(dir / "result", UINT64_MAX).value();
    EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), result.bytes.begin(), result.bytes.end()));
    return 100 * static_cast<double>(delta.size()) / static_cast<double>(bytes.size());
}

double percent_of_fine_tune(const std::string& name, double noise) {
    const Bytes model = read_model(name);
    const Bytes result = fine_tuned(model, noise);
    const Side base = side_of(model);
    EXPECT_FALSE(base.tensors.empty()) << name;
    const double percent = percent_made(base, side_of(result));
    ::testing::Test::RecordProperty(name, std::to_string(percent));
    return percent;
}

TEST(Deltas, OfQuantisedModelsAreAFewPercent) {
    if (testing::data_dir().empty()) GTEST_SKIP() << testing::kNoData;
    for (const std::string name :
         {"trained/mobilenet_v2_1.0_224_ptq.tflite", "mlperf-tiny/ad01_int8.tflite",
          "mlperf-tiny/vww_96_int8.tflite", "mlperf-tiny/pretrainedResnet_quant.tflite"}) {
        EXPECT_LE(percent_of_fine_tune(name, 1e-3), 6) << name;
    }
}

TEST(Deltas, OfModelsInFp32AreHalf) {
    if (testing::data_dir().empty()) GTEST_SKIP() << testing::kNoData;
    for (const std::string name :
         {"trained/silero_vad.onnx", "trained/face_rfb_320.onnx", "mlperf-tiny/ad01_fp32.tflite"}) {
        EXPECT_LE(percent_of_fine_tune(name, 1e-4), 52) << name;
    }
}

TEST(Deltas, BetweenDifferentModelsAreNoLargerThanTheFile) {
    if (testing::data_dir().empty()) GTEST_SKIP() << testing::kNoData;
    const Bytes base = read_model("trained/face_rfb_320.onnx");
    const Bytes result = read_model("mlperf-tiny/ad01_fp32.tflite");
    EXPECT_LE(percent_made(side_of(base), side_of(result)), 100.1);
    EXPECT_LE(percent_made(side_of(base), side_of(base)), 0.1);
}

}  // namespace
}  // namespace hf
