#include "media/audio/sound.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "testing/disk_files.h"
#include "testing/script.h"

namespace hf::media::audio {
namespace {

struct Format {
    std::uint16_t kind = 1;
    std::uint16_t channels = 1;
    std::uint32_t rate = 16000;
    std::uint16_t bits = 16;
};

void append_chunk(Bytes& to, std::string_view name, ByteView content) {
    to.insert(to.end(), name.begin(), name.end());
    append_le(to, static_cast<std::uint32_t>(content.size()));
    to.insert(to.end(), content.begin(), content.end());
}

Bytes wav(const Format& format, ByteView samples) {
    Bytes head;
    append_le(head, format.kind);
    append_le(head, format.channels);
    append_le(head, format.rate);
    const auto frame = static_cast<std::uint16_t>(format.channels * format.bits / 8);
    append_le(head, format.rate * frame);
    append_le(head, frame);
    append_le(head, format.bits);
    Bytes chunks = to_bytes("WAVE");
    append_chunk(chunks, "fmt ", head);
    append_chunk(chunks, "data", samples);
    Bytes file;
    append_chunk(file, "RIFF", chunks);
    return file;
}

template <typename T>
Bytes bytes_of(std::initializer_list<T> values) {
    Bytes bytes;
    for (const T value : values) append_le(bytes, value);
    return bytes;
}

Bytes some() {
    return wav({}, bytes_of<std::int16_t>({1, -2, 3, -4}));
}

std::string refusal(ByteView file) {
    return decode_sound(file).status().to_string();
}

TEST(Sound, TheDecoderIsWhereTestsRun) {
    const Status has = has_decoder();
    ASSERT_TRUE(has.ok()) << has.to_string();
}

TEST(Sound, IntegersLieWithinOne) {
    const Sound sound =
        *decode_sound(wav({}, bytes_of<std::int16_t>({0, 16384, -32768, 32767, 1})));
    EXPECT_EQ(sound.rate, 16000);
    EXPECT_EQ(sound.samples, (std::vector<float>{0, 0.5F, -1, 32767.0F / 32768, 1.0F / 32768}));
    const Sound bytes = *decode_sound(wav({1, 1, 8000, 8}, Bytes{128, 0, 192, 255}));
    EXPECT_EQ(bytes.samples, (std::vector<float>{0, -1, 0.5F, 127.0F / 128}));
    const Sound wide = *decode_sound(wav({1, 1, 8000, 32}, bytes_of<std::int32_t>({1 << 30})));
    EXPECT_EQ(wide.samples, (std::vector<float>{0.5F}));
    const Sound deep = *decode_sound(wav({1, 1, 8000, 24}, Bytes{0, 0, 0xC0, 0, 0, 0x20}));
    EXPECT_EQ(deep.samples, (std::vector<float>{-0.5F, 0.25F}));
}

TEST(Sound, FloatsStayAsTheyAre) {
    const Sound sound = *decode_sound(wav({3, 1, 44100, 32}, bytes_of<float>({0.25F, -1.5F, 2})));
    EXPECT_EQ(sound.samples, (std::vector<float>{0.25F, -1.5F, 2}));
    const Sound wide = *decode_sound(wav({3, 1, 44100, 64}, bytes_of<double>({0.125, -3})));
    EXPECT_EQ(wide.samples, (std::vector<float>{0.125F, -3}));
}

TEST(Sound, ChannelsBecomeTheirMean) {
    const Sound sound =
        *decode_sound(wav({1, 2, 16000, 16}, bytes_of<std::int16_t>({100, 300, -8, 8})));
    EXPECT_EQ(sound.samples, (std::vector<float>{200.0F / 32768, 0}));
}

TEST(Sound, LogarithmicSamplesOfTelephonesAreRead) {
    // ITU-T G.711: the code of zero, and of the largest.
    const Sound mu = *decode_sound(wav({7, 1, 8000, 8}, Bytes{0xFF, 0x80, 0x00}));
    EXPECT_EQ(mu.samples, (std::vector<float>{0, 32124.0F / 32768, -32124.0F / 32768}));
    const Sound a = *decode_sound(wav({6, 1, 8000, 8}, Bytes{0xD5, 0xAA}));
    EXPECT_EQ(a.samples, (std::vector<float>{8.0F / 32768, 32256.0F / 32768}));
}

// Of testdata/make_sounds.py.
Bytes steps() {
    testing::DiskFiles files;
    return *files.read(testing::source_dir() + "/src/media/testdata/steps.flac", 1u << 20);
}

TEST(Sound, FlacIsExact) {
    const Sound sound = *decode_sound(steps());
    EXPECT_EQ(sound.rate, 22050);
    ASSERT_EQ(sound.samples.size(), 24U);
    for (int i = 0; i < 24; ++i) {
        const auto sum = static_cast<float>(1000 * i - 12000 + 3000 - 250 * i);
        EXPECT_EQ(sound.samples[static_cast<std::size_t>(i)], sum / 2 / 32768);
    }
}

TEST(Sound, AnyPartOfAFileIsRefused) {
    for (const Bytes& whole : {some(), steps()}) {
        ASSERT_TRUE(decode_sound(whole).ok());
        for (std::size_t size = 0; size < whole.size(); ++size) {
            const Result<Sound> sound = decode_sound(ByteView(whole).first(size));
            EXPECT_EQ(sound.status().code(), Code::kInvalidArgument) << size;
        }
    }
    const Bytes whole = some();
    EXPECT_EQ(refusal(ByteView(whole).first(whole.size() - 2)),
              "INVALID_ARGUMENT: the WAV file is cut off: 6 of 8 bytes of its samples are there");
    EXPECT_EQ(refusal(as_bytes("OggS and so on")),
              "INVALID_ARGUMENT: this is neither a WAV nor a FLAC file, by its first bytes");
    EXPECT_EQ(refusal(as_bytes("fLaC and so on")),
              "INVALID_ARGUMENT: the sound file is damaged: its header cannot be read");
    EXPECT_EQ(refusal(wav({}, {})), "INVALID_ARGUMENT: the sound file has no samples");
}

// Each frame ends with a checksum of its bytes.
TEST(Sound, AFrameOfFlacWithOneBitChangedIsRefused) {
    const Bytes whole = steps();
    const std::string_view text = as_text(whole);
    const std::size_t frame = text.find("\xFF\xF8");
    ASSERT_NE(frame, std::string_view::npos);
    for (std::size_t bit = 8 * frame; bit < 8 * whole.size(); ++bit) {
        Bytes changed = whole;
        changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ 1u << bit % 8);
        EXPECT_FALSE(decode_sound(changed).ok()) << bit;
    }
}

TEST(Sound, ChunksThatNobodyNeedsChangeNothing) {
    const Bytes whole = some();
    Bytes more = whole;
    more.insert(more.begin() + 12, {'J', 'U', 'N', 'K', 3, 0, 0, 0, 1, 2, 3, 0});
    more.insert(more.end(), {'L', 'I', 'S', 'T', 255, 0, 0, 0});  // after the samples, and cut off
    EXPECT_EQ(decode_sound(more)->samples, decode_sound(whole)->samples);
}

TEST(Sound, ALengthThatNobodyKnewIsWhatIsThere) {
    Bytes file = some();
    for (const std::size_t at : {4, 5, 6, 7, 40, 41, 42, 43}) file[at] = 0xFF;
    const Result<Sound> sound = decode_sound(file);
    ASSERT_TRUE(sound.ok()) << sound.status().to_string();
    EXPECT_EQ(sound->samples.size(), 4U);
}

TEST(Sound, OtherKindsAreRefusedByNumber) {
    EXPECT_EQ(refusal(wav({17, 1, 8000, 4}, Bytes(256, 0))),
              "UNIMPLEMENTED: a WAV file with samples of kind 0x0011 is not read here; convert it "
              "to PCM of 16 bits");
}

TEST(Sound, HasBounds) {
    EXPECT_EQ(refusal(wav({1, 17, 8000, 8}, Bytes(17, 0))),
              "RESOURCE_EXHAUSTED: the sound has 17 channels; want 1 to 16");
    EXPECT_EQ(refusal(wav({1, 1, 500, 8}, Bytes(17, 0))),
              "RESOURCE_EXHAUSTED: the sound has 500 samples a second; want 1000 to 192000");
    EXPECT_EQ(refusal(wav({1, 1, 8000, 8}, Bytes(kMaxSoundSamples + 1, 0))),
              "RESOURCE_EXHAUSTED: the sound has more than 16777216 samples a channel; send a "
              "shorter one");
}

TEST(Sound, WhatIsNoNumberIsRefused) {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    EXPECT_EQ(refusal(wav({3, 1, 8000, 32}, bytes_of<float>({0, nan}))),
              "INVALID_ARGUMENT: the sound is damaged: its sample 1 is no number");
}

}  // namespace
}  // namespace hf::media::audio
