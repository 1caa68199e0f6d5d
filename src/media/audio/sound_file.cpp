#include "media/audio/sound_file.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <memory>

#include <dlfcn.h>
#include <sndfile.h>

namespace hf::media::audio {
namespace {

constexpr sf_count_t kFramesAtOnce = 4096;

// What the library reads instead of a file.
struct Source {
    ByteView bytes;
    sf_count_t at = 0;  // 0 to size()

    sf_count_t size() const { return static_cast<sf_count_t>(bytes.size()); }
};

Source& source_of(void* user) {
    return *static_cast<Source*>(user);
}

sf_count_t tell_length(void* user) {
    return source_of(user).size();
}

sf_count_t tell_place(void* user) {
    return source_of(user).at;
}

// Places outside of the file are its ends.
sf_count_t seek(sf_count_t offset, int whence, void* user) {
    Source& source = source_of(user);
    sf_count_t base = 0;
    if (whence == SEEK_CUR) base = source.at;
    if (whence == SEEK_END) base = source.size();
    source.at = base + std::clamp(offset, -base, source.size() - base);
    return source.at;
}

sf_count_t give(void* to, sf_count_t count, void* user) {
    Source& source = source_of(user);
    const sf_count_t size = std::clamp(count, sf_count_t{0}, source.size() - source.at);
    if (size > 0) std::memcpy(to, source.bytes.data() + source.at, static_cast<std::size_t>(size));
    source.at += size;
    return size;
}

sf_count_t take_nothing(const void*, sf_count_t, void*) {
    return 0;
}

// What is called of the library.
struct Api {
    decltype(&sf_open_virtual) open = nullptr;
    decltype(&sf_readf_float) read = nullptr;
    decltype(&sf_error) error = nullptr;
    decltype(&sf_close) close = nullptr;

    bool is_whole() const { return open && read && error && close; }
};

Api open_library() {
    Api api;
    void* const handle = dlopen("libsndfile.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!handle) return api;
    api.open = reinterpret_cast<decltype(api.open)>(dlsym(handle, "sf_open_virtual"));
    api.read = reinterpret_cast<decltype(api.read)>(dlsym(handle, "sf_readf_float"));
    api.error = reinterpret_cast<decltype(api.error)>(dlsym(handle, "sf_error"));
    api.close = reinterpret_cast<decltype(api.close)>(dlsym(handle, "sf_close"));
    return api;
}

const Api& library() {
    static const Api kApi = open_library();
    return kApi;
}

struct Close {
    void operator()(SNDFILE* file) const { library().close(file); }
};

Status check_kind(const SF_INFO& info) {
    constexpr std::array<int, 3> kFiles{SF_FORMAT_WAV, SF_FORMAT_WAVEX, SF_FORMAT_FLAC};
    constexpr std::array<int, 9> kSamples{SF_FORMAT_PCM_S8, SF_FORMAT_PCM_U8, SF_FORMAT_PCM_16,
                                          SF_FORMAT_PCM_24, SF_FORMAT_PCM_32, SF_FORMAT_FLOAT,
                                          SF_FORMAT_DOUBLE, SF_FORMAT_ALAW,   SF_FORMAT_ULAW};
    const auto has = [](std::span<const int> all, int one) {
        return std::find(all.begin(), all.end(), one) != all.end();
    };
    const bool read = has(kFiles, info.format & SF_FORMAT_TYPEMASK) &&
                      has(kSamples, info.format & SF_FORMAT_SUBMASK);
    if (read) return {};
    return unimplemented("this kind of sound file ({:#x}) is not read here; send WAV or FLAC",
                         info.format);
}

Status check_bounds(const SF_INFO& info) {
    if (info.channels < 1 || info.channels > kMaxSoundChannels) {
        return resource_exhausted("the sound has {} channels; want 1 to {}", info.channels,
                                  kMaxSoundChannels);
    }
    if (info.samplerate < kMinRate || info.samplerate > kMaxRate) {
        return resource_exhausted("the sound has {} samples a second; want {} to {}",
                                  info.samplerate, kMinRate, kMaxRate);
    }
    return {};
}

Status too_long() {
    return resource_exhausted("the sound has more than {} samples a channel; send a shorter one",
                              kMaxSoundSamples);
}

// Appends the means over the channels.
Status mix(std::span<const float> interleaved, std::size_t channels, std::vector<float>& to) {
    for (std::size_t at = 0; at < interleaved.size(); at += channels) {
        double sum = 0;
        for (std::size_t c = 0; c < channels; ++c) sum += static_cast<double>(interleaved[at + c]);
        const auto mean = static_cast<float>(sum / static_cast<double>(channels));
        if (!std::isfinite(mean)) {
            return invalid_argument("the sound is damaged: its sample {} is no number", to.size());
        }
        to.push_back(mean);
    }
    return {};
}

}  // namespace

Status has_decoder() {
    if (library().is_whole()) return {};
    return unimplemented(
        "sounds want libsndfile.so.1, which this machine does not have: apt-get install "
        "libsndfile1");
}

Result<Sound> read_sound_file(ByteView bytes) {
    const Api& api = library();
    HF_CHECK(api.is_whole(), "libsndfile is not there");
    Source source{bytes};
    SF_VIRTUAL_IO io{tell_length, seek, give, take_nothing, tell_place};
    SF_INFO info{};
    const std::unique_ptr<SNDFILE, Close> file(api.open(&io, SFM_READ, &info, &source));
    if (!file) return invalid_argument("the sound file is damaged: its header cannot be read");
    HF_TRY(check_kind(info));
    HF_TRY(check_bounds(info));
    const bool known = info.frames > 0 && info.frames != SF_COUNT_MAX;
    if (known && static_cast<std::uint64_t>(info.frames) > kMaxSoundSamples) return too_long();

    Sound sound;
    sound.rate = info.samplerate;
    const auto channels = static_cast<std::size_t>(info.channels);
    std::vector<float> buffer(static_cast<std::size_t>(kFramesAtOnce) * channels);
    sf_count_t read = 0;
    while ((read = api.read(file.get(), buffer.data(), kFramesAtOnce)) > 0) {
        const auto frames = static_cast<std::size_t>(read);
        if (sound.samples.size() + frames > kMaxSoundSamples) return too_long();
        HF_TRY(mix(std::span(buffer).first(frames * channels), channels, sound.samples));
    }
    const auto got = static_cast<sf_count_t>(sound.samples.size());
    if (api.error(file.get()) != SF_ERR_NO_ERROR || (known && got < info.frames)) {
        return invalid_argument("the sound file is damaged or cut off after {} samples", got);
    }
    if (got == 0) return invalid_argument("the sound file has no samples");
    return sound;
}

}  // namespace hf::media::audio
