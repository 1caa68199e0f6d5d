// Trained ONNX models on the reference device: stored outputs are reproduced, and labelled digits
// are told apart. A whole-product test of its own because it computes for seconds.

#include <algorithm>
#include <cmath>
#include <cstdio>

#include <gtest/gtest.h>
#include <zlib.h>

#include "graph/load.h"
#include "runtime/compile.h"
#include "runtime/conform.h"
#include "tensor/npz.h"
#include "testing/disk_files.h"
#include "testing/script.h"

namespace hf::runtime {
namespace {

Bytes read_data(const std::string& path) {
    testing::DiskFiles files;
    return *files.read(testing::data_dir() + "/" + path, 1u << 26);
}

std::shared_ptr<const CompiledModel> load_model(const std::string& path) {
    CompileOptions options;
    options.device = "ref";
    return *compile(*graph::load(read_data("models/" + path), graph::no_external_data()), options,
                    nullptr);
}

Result<std::vector<Tensor>> run(const CompiledModel& model, const Tensor& input) {
    return (*model.new_session())->run(std::span(&input, 1));
}

// One stored output is in f64 although its model gives f32.
Tensor as_f32(const Tensor& tensor) {
    if (tensor.dtype() != DType::kF64) return tensor;
    Tensor narrow(DType::kF32, tensor.shape());
    const auto from = tensor.values<double>();
    std::copy(from.begin(), from.end(), narrow.mutable_values<float>().begin());
    return narrow;
}

// A folder of model.onnx and io.npz; `name` is the stored output, `index` which output it is.
struct StoredCase {
    const char* folder;
    const char* name;
    std::size_t index;
};
class StoredOutput : public ::testing::TestWithParam<StoredCase> {};

TEST_P(StoredOutput, IsReproduced) {
    if (testing::data_dir().empty()) GTEST_SKIP() << testing::kNoData;
    const std::string folder = std::string("with-outputs/") + GetParam().folder;
    const auto arrays = parse_npz(read_data("models/" + folder + "/io.npz"));
    ASSERT_TRUE(arrays.ok()) << arrays.status().to_string();
    const auto array = [&](std::string_view name) {
        return std::find_if(arrays->begin(), arrays->end(),
                            [&](const NamedArray& a) { return a.name == name; })
            ->tensor;
    };
    const auto outputs = run(*load_model(folder + "/model.onnx"), array("input"));
    ASSERT_TRUE(outputs.ok()) << outputs.status().to_string();
    const Tensor& got = outputs->at(GetParam().index);
    const Tensor want = as_f32(array(GetParam().name));
    ASSERT_EQ(got.elements(), want.elements());
    // Some stored outputs have lost their axis of one.
    const Status same = same_tensor(got.reshaped(want.shape()), want, {1e-3, 1e-5});
    EXPECT_TRUE(same.ok()) << same.to_string();
}

INSTANTIATE_TEST_SUITE_P(Trained, StoredOutput,
                         ::testing::Values(StoredCase{"xgboost_classifier_tree", "probabilities",
                                                      1},
                                           StoredCase{"xgboost_regressor_tree", "variable", 0},
                                           StoredCase{"lgbm_classifier_tensor", "probabilities", 1},
                                           StoredCase{"lgbm_regressor_tensor", "output", 0},
                                           StoredCase{"byte_sb_bidi_lstm", "Add_26", 0},
                                           StoredCase{"deconv_group", "output", 0}),
                         [](const auto& info) { return std::string(info.param.folder); });

Tensor ramp(const Shape& shape) {
    Tensor tensor(DType::kF32, shape);
    const auto count = static_cast<float>(tensor.elements());
    float next = 0;
    for (float& value : tensor.mutable_values<float>()) value = next++ / count;
    return tensor;
}

TEST(Trained, LinearModelsGiveDistributions) {
    if (testing::data_dir().empty()) GTEST_SKIP() << testing::kNoData;
    const std::pair<const char*, Shape> models[] = {
        {"trained/logreg_iris.onnx", {3, 2}},
        {"trained/sklearn_bin_voting_classifier_soft.onnx", {4, 2}},
        {"with-outputs/linear_classifier/model.onnx", {5, 12}}};
    for (const auto& [path, shape] : models) {
        const auto outputs = run(*load_model(path), ramp(shape));
        ASSERT_TRUE(outputs.ok()) << path << ": " << outputs.status().to_string();
        const Tensor& scores = outputs->at(1);
        ASSERT_EQ(scores.shape()[0], shape[0]) << path;
        double sum = 0;
        for (float score : scores.values<float>()) {
            EXPECT_GE(score, 0) << path;
            sum += double{score};
        }
        EXPECT_NEAR(sum, static_cast<double>(shape[0]), 1e-4) << path;
    }
}

TEST(Trained, SuperResolutionEnlargesByThree) {
    if (testing::data_dir().empty()) GTEST_SKIP() << testing::kNoData;
    const auto outputs = run(*load_model("trained/super_resolution.onnx"), ramp({1, 1, 224, 224}));
    ASSERT_TRUE(outputs.ok()) << outputs.status().to_string();
    ASSERT_EQ(outputs->at(0).shape(), Shape({1, 1, 672, 672}));
    // A vertical ramp stays one: the means of the enlarged rows grow with the input's.
    const auto row_mean = [&](std::int64_t row) {
        const auto values = outputs->at(0).values<float>();
        double sum = 0;
        for (std::int64_t x = 0; x < 672; ++x) {
            sum += double{values[static_cast<std::size_t>(row * 672 + x)]};
        }
        return sum / 672;
    };
    for (std::int64_t row : {100, 336, 560}) {
        EXPECT_NEAR(row_mean(row), static_cast<double>(row) / 672, 0.05) << row;
    }
}

TEST(Trained, FaceDetectorGivesScoresThatSumToOne) {
    if (testing::data_dir().empty()) GTEST_SKIP() << testing::kNoData;
    const auto outputs = run(*load_model("trained/face_rfb_320.onnx"), ramp({1, 3, 240, 320}));
    ASSERT_TRUE(outputs.ok()) << outputs.status().to_string();
    ASSERT_EQ(outputs->at(0).shape(), Shape({1, 4420, 2}));
    ASSERT_EQ(outputs->at(1).shape(), Shape({1, 4420, 4}));
    const auto scores = outputs->at(0).values<float>();
    for (std::size_t i = 0; i < scores.size(); i += 2) {
        ASSERT_NEAR(scores[i] + scores[i + 1], 1.0f, 1e-5f);
    }
}

Bytes gunzip(const Bytes& packed) {
    Bytes out(1u << 24);
    z_stream stream{};
    inflateInit2(&stream, 16 + MAX_WBITS);
    stream.next_in = const_cast<Bytef*>(packed.data());
    stream.avail_in = static_cast<uInt>(packed.size());
    stream.next_out = out.data();
    stream.avail_out = static_cast<uInt>(out.size());
    inflate(&stream, Z_FINISH);
    out.resize(stream.total_out);
    inflateEnd(&stream);
    return out;
}

// How many of the first test digits a model of [1, 1, 28, 28] names rightly.
int right_digits(const std::string& path, int count, float scale) {
    const Bytes images = gunzip(read_data("mnist/t10k-images-idx3-ubyte.gz"));
    const Bytes labels = gunzip(read_data("mnist/t10k-labels-idx1-ubyte.gz"));
    constexpr std::size_t kImagesHeader = 16, kLabelsHeader = 8, kPixels = 28 * 28;
    const auto model = load_model(path);
    int right = 0;
    for (int i = 0; i < count; ++i) {
        const auto at = static_cast<std::size_t>(i);
        Tensor input(DType::kF32, {1, 1, 28, 28});
        for (std::size_t p = 0; p < kPixels; ++p) {
            input.mutable_values<float>()[p] =
                scale * static_cast<float>(images[kImagesHeader + at * kPixels + p]);
        }
        const auto outputs = run(*model, input);
        if (!outputs.ok()) {
            ADD_FAILURE() << outputs.status().to_string();
            return 0;
        }
        const auto scores = outputs->at(0).values<float>();
        right += std::max_element(scores.begin(), scores.end()) - scores.begin() ==
                 labels[kLabelsHeader + at];
    }
    std::printf("%s: %d of %d digits\n", path.c_str(), right, count);
    return right;
}

TEST(Trained, DigitsAreToldApart) {
    if (testing::data_dir().empty()) GTEST_SKIP() << testing::kNoData;
    constexpr int kDigits = 500;
    EXPECT_GE(right_digits("trained/mnist_cnn.onnx", kDigits, 1.0f), kDigits * 97 / 100);
    EXPECT_GE(right_digits("trained/cnn_mnist_pytorch.onnx", kDigits, 1.0f / 255),
              kDigits * 95 / 100);
}

}  // namespace
}  // namespace hf::runtime
