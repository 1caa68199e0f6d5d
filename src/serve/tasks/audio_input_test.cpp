#include "serve/tasks/audio_input.h"

#include <cmath>

#include <gtest/gtest.h>

namespace hf::serve::tasks {
namespace {

using runtime::Port;
using runtime::Signature;

constexpr std::int64_t kOpen = Shape::kUnknown;

Signature model(Shape shape, DType dtype = DType::kF32) {
    return {{Port{"x", dtype, std::move(shape)}}, {Port{"y", DType::kF32, {1, 2}}}};
}

std::string declared(const std::string& audio) {
    return R"({"kind":"audio-classification","audio":)" + audio + "}";
}

std::string refusal(const std::string& audio, const Signature& signature) {
    return std::string(Task::make({declared(audio)}, signature).status().message());
}

// A WAV file of 16 bits and one channel.
Bytes wav(std::initializer_list<std::int16_t> samples, std::uint32_t rate = 8000) {
    Bytes file = to_bytes("RIFF....WAVEfmt ");
    append_le(file, std::uint32_t{16});
    append_le(file, std::uint32_t{0x00010001});
    append_le(file, rate);
    append_le(file, rate * 2);
    append_le(file, std::uint32_t{0x00100002});
    for (const char c : std::string_view("data")) file.push_back(static_cast<std::uint8_t>(c));
    append_le(file, static_cast<std::uint32_t>(2 * samples.size()));
    for (const std::int16_t sample : samples) append_le(file, sample);
    return file;
}

std::vector<float> given(const std::string& audio, const Signature& signature, const Bytes& file) {
    const auto task = Task::make({declared(audio)}, signature);
    HF_CHECK(task.ok(), "{}", task.status().to_string());
    const auto prepared = (*task)->read({file});
    HF_CHECK(prepared.ok(), "{}", prepared.status().to_string());
    const auto values = prepared->inputs[0].values<float>();
    return {values.begin(), values.end()};
}

constexpr const char* kMel = R"({"rate":8000,"features":{"kind":"mel","window_length":4,"hop":2,
                               "bands":3,"mel_scale":"htk"}})";

TEST(AudioInput, RefusesADeclarationWithItsPlace) {
    const Signature raw = model({1, 8});
    EXPECT_EQ(
        std::string(Task::make({R"({"kind":"audio-classification"})"}, raw).status().message()),
        "/audio: is missing");
    EXPECT_EQ(refusal("{}", raw), "/audio/rate: is missing");
    EXPECT_EQ(refusal(R"({"rate":900})", raw), "/audio/rate: want an integer 1000 to 192000");
    EXPECT_EQ(refusal(R"({"rate":8000,"sample":3})", raw),
              "/audio/sample: there is no such field, did you mean 'samples'?");
    EXPECT_EQ(refusal(R"({"rate":8000,"samples":9})", raw),
              "/audio/samples: 9 samples, and the model takes 8; at most 16777216");
    EXPECT_EQ(refusal(R"({"rate":8000,"layout":"bands-first"})", raw),
              "/audio/layout: goes with features");
    EXPECT_EQ(refusal(R"({"rate":8000})", model({1, 8, 3})),
              "/audio: the input 'x' has shape 1x8x3, and one sound wants 1xN, and ones");
    EXPECT_EQ(refusal(R"({"rate":8000})", model({2, 8})),
              "/audio: the input 'x' has shape 2x8, and one sound wants 1xN, and ones");
    EXPECT_EQ(refusal(R"({"rate":8000,"keep":"end"})", model({1, kOpen})),
              "/audio/keep: goes with \"samples\", or a model that leaves none open, and without "
              "\"step\"");
    EXPECT_EQ(refusal(R"({"rate":8000,"mean":[1,2]})", raw),
              "/audio/mean: has 2 numbers; want 1 or 1");
    EXPECT_EQ(refusal(R"({"rate":8000})", model({1, 8}, DType::kI8)),
              "/audio/quantization: is missing, and 'x' has integers (i8); say how they stand for "
              "numbers: {\"scale\": S, \"zero_point\": Z}");
}

TEST(AudioInput, RefusesFeaturesThatTheModelDoesNotTake) {
    EXPECT_EQ(refusal(kMel, model({1, 5, 4})),
              "/audio/features: has 3 numbers a frame, and the input 'x' of shape 1x5x4 has 4");
    EXPECT_EQ(refusal(kMel, model({1, 16})),
              "/audio/features: has 3 numbers a frame, of which 16 are no multiple");
    const std::string longer = std::string(kMel).replace(1, 0, R"("samples":20,)");
    EXPECT_EQ(refusal(longer, model({1, 5, 3})),
              "/audio/samples: 20 samples make 9 frames, and the model takes 5: want 12");
    const auto features = [](const std::string& members) {
        return refusal(R"({"rate":8000,"features":{)" + members + "}}", model({1, kOpen, kOpen}));
    };
    EXPECT_EQ(features(""),
              "/audio/features/kind: is missing; want one of: spectrogram, mel, mfcc");
    EXPECT_EQ(features(R"("kind":"mel")"), "/audio/features/window_length: is missing");
    const std::string framing = R"("kind":"mel","window_length":400,"hop":160)";
    EXPECT_EQ(features(framing + R"(,"fft_length":399)"),
              "/audio/features/fft_length: want an integer 400 to 32768");
    EXPECT_EQ(features(framing + R"(,"fft_length":442)"),
              "/audio/features/fft_length: 442 is not built; want an even number of the factors 2, "
              "3, 5 and 7");
    EXPECT_EQ(features(framing), "/audio/features/bands: is missing");
    EXPECT_EQ(features(framing + R"(,"bands":8)"),
              "/audio/features/mel_scale: is missing; want one of: htk, slaney");
    EXPECT_EQ(features(framing + R"(,"bands":8,"mel_scale":"htk","high_hz":4001)"),
              "/audio/features: want low_hz from 0 on, below high_hz, and that at most 4000");
    EXPECT_EQ(features(framing + R"(,"bands":8,"mel_scale":"htk","log_range":80)"),
              "/audio/features/log_range: goes with \"log\"");
    EXPECT_EQ(features(framing + R"(,"bands":8,"mel_scale":"htk","log":"e","log_floor":0)"),
              "/audio/features: want log_offset and log_floor from 0 on, and one above it");
    EXPECT_EQ(features(framing + R"(,"bands":8,"mel_scale":"htk","coefficients":3)"),
              "/audio/features/coefficients: goes with \"mfcc\"");
    EXPECT_EQ(features(R"("kind":"spectrogram","window_length":4,"hop":2,"bands":3)"),
              "/audio/features/bands: goes with \"mel\" and \"mfcc\"");
}

TEST(AudioInput, SamplesAreCutOrFilledUp) {
    const Bytes file = wav({8192, -16384, 24576});
    const std::string whole = R"({"rate":8000,"keep":")";
    const Signature two = model({1, 2});
    EXPECT_EQ(given(whole + "start\"}", two, file), (std::vector<float>{0.25F, -0.5F}));
    EXPECT_EQ(given(whole + "end\"}", two, file), (std::vector<float>{-0.5F, 0.75F}));
    const Signature five = model({1, 1, 5});
    EXPECT_EQ(given(whole + "start\"}", five, file),
              (std::vector<float>{0.25F, -0.5F, 0.75F, 0, 0}));
    EXPECT_EQ(given(whole + "middle\"}", five, file),
              (std::vector<float>{0, 0.25F, -0.5F, 0.75F, 0}));
    EXPECT_EQ(given(whole + "end\"}", five, file), (std::vector<float>{0, 0, 0.25F, -0.5F, 0.75F}));
    EXPECT_EQ(given(R"({"rate":8000})", model({kOpen}), file),
              (std::vector<float>{0.25F, -0.5F, 0.75F}));
}

TEST(AudioInput, ALongSoundBecomesWindows) {
    const Bytes file = wav({8192, -16384, 24576, 4096, 16384, -8192});
    const Signature many = model({kOpen, 3});
    const std::string every_two = R"({"rate":8000,"step":2})";
    EXPECT_EQ(given(every_two, many, file),
              (std::vector<float>{0.25F, -0.5F, 0.75F, 0.75F, 0.125F, 0.5F, 0.5F, -0.25F, 0}));
    EXPECT_EQ(given(every_two, many, wav({8192})), (std::vector<float>{0.25F, 0, 0}));
    EXPECT_EQ(given(R"({"rate":8000,"step":3,"level":"peak"})", many, file),
              (std::vector<float>{1.0F / 3, -2.0F / 3, 1, 0.25F, 1, -0.5F}));
    EXPECT_EQ(refusal(every_two, model({1, 3})),
              "/audio/step: the input 'x' of shape 1x3 takes one window at a time");
    EXPECT_EQ(refusal(every_two, model({kOpen, kOpen})),
              "/audio/step: goes with \"samples\", or a model that leaves none open");
    const auto task = Task::make({declared(every_two)}, many);
    const Prepared prepared = *(*task)->read({file});
    EXPECT_EQ(prepared.rows, 3U);
    const float scores[] = {0, 1, 1, 0, 0, 1};
    const auto answer = *(*task)->write({Tensor::of<float>(DType::kF32, {3, 2}, scores)}, prepared);
    const json::Array& outputs = answer.at("outputs").get_array();
    ASSERT_EQ(outputs.size(), 3U);
    const auto each = Task::make({declared(R"({"rate":192000,"step":1})")}, many);
    const Bytes slow = wav({1, 2, 3, 4, 5, 6}, 1000);
    EXPECT_EQ((*each)->read({slow}).status().to_string(),
              "RESOURCE_EXHAUSTED: the sound has 1150 windows of 3 samples; at most 1024, and "
              "16777216 samples in all: send a shorter one");
    EXPECT_EQ(outputs[1].at("start").to_number<double>(), 2.0 / 8000);
    EXPECT_EQ(json::get_int(outputs[1].at("labels").get_array()[0], "index"), 0);
}

TEST(AudioInput, TheLevelIsSetBeforeSilenceIsAdded) {
    const Bytes file = wav({8192, -16384});
    const std::string rate = R"({"rate":8000,)";
    const Signature three = model({1, 3});
    EXPECT_EQ(given(rate + R"("level":"peak"})", three, file), (std::vector<float>{0.5F, -1, 0}));
    EXPECT_EQ(given(rate + R"("level":"maximum"})", three, file), (std::vector<float>{1, -2, 0}));
    EXPECT_EQ(given(rate + R"("scale":32768,"mean":[8192],"std":[2]})", three, file),
              (std::vector<float>{0, -12288, -4096}));
    const std::vector<float> even = given(rate + R"("level":"variance"})", three, file);
    EXPECT_NEAR(even[0], 1, 1e-5);
    EXPECT_NEAR(even[1], -1, 1e-5);
    EXPECT_EQ(even[2], 0);
    const Bytes silence = wav({0, 0});
    EXPECT_EQ(given(rate + R"("level":"peak"})", three, silence), (std::vector<float>{0, 0, 0}));
}

TEST(AudioInput, FeaturesLieAsTheModelHasThem) {
    const Bytes file = wav({100, 200, -300, 400, 500, -600, 700, 800, 900, -1000, 50, 60});
    const std::vector<float> rows = given(kMel, model({1, 5, 3}), file);
    ASSERT_EQ(rows.size(), 15U);
    EXPECT_EQ(given(kMel, model({1, 15}), file), rows);
    EXPECT_EQ(given(kMel, model({kOpen, kOpen, kOpen, 1}), file), rows);
    const std::string turned = std::string(kMel).replace(1, 0, R"("layout":"bands-first",)");
    const std::vector<float> columns = given(turned, model({1, 3, kOpen}), file);
    for (std::size_t f = 0; f < 5; ++f) {
        for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(columns[i * 5 + f], rows[f * 3 + i]);
    }
    // Fourteen samples make one frame more than the model takes, which is dropped.
    const std::string longer = std::string(kMel).replace(1, 0, R"("samples":14,)");
    EXPECT_EQ(given(longer, model({1, 5, 3}), file), rows);
}

TEST(AudioInput, FeaturesHaveBounds) {
    const std::string large = R"({"rate":8000,"samples":16777216,"features":{"kind":"spectrogram",
                                 "window_length":32768,"hop":1000}})";
    EXPECT_EQ(refusal(large, model({1, kOpen, kOpen})),
              "/audio: 16745 frames with a transform of 32768 samples and 16385 numbers each; at "
              "most 131072 frames, 268435456 samples and 16777216 numbers in all");
}

TEST(AudioInput, ASoundMayBeTooShortForAFrame) {
    const auto task = Task::make({declared(kMel)}, model({1, kOpen, 3}));
    const Bytes file = wav({1, 2, 3});
    EXPECT_EQ((*task)->read({file}).status().to_string(),
              "INVALID_ARGUMENT: the sound has 3 samples at 8000 Hz, too few for one frame of 4");
}

}  // namespace
}  // namespace hf::serve::tasks
