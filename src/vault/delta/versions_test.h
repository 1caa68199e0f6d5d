// Versions of generated models for the tests of deltas. Weights are drawn from a normal
// distribution, as trained layers mostly are; a fine-tune adds normal noise of `noise` times the
// weights' deviation to every weight, and stores both versions in the type's rounding: int8 at one
// scale for both, so that the share of changed weights follows from the noise (0.001: 2 %, 0.01:
// 20 %).

#pragma once

#include <bit>
#include <cmath>
#include <string>
#include <vector>

#include "base/rng.h"
#include "testing/memory_files.h"
#include "vault/delta/encode.h"
#include "vault/delta/files.h"

namespace hf::vault::delta {

enum class Stored : unsigned char { kI8, kBF16, kF32 };

inline Element element_of(Stored type) {
    switch (type) {
        case Stored::kI8: return {1, false};
        case Stored::kBF16: return {2, true};
        case Stored::kF32: break;
    }
    return {4, true};
}

inline void append_weight(double weight, Stored type, Bytes& out) {
    if (type == Stored::kI8) {
        constexpr double kScale = 4.5 / 127;  // the largest of some millions is at 4.5 to 5
        const double steps = std::clamp(std::nearbyint(weight / kScale), -127.0, 127.0);
        append_le(out, static_cast<std::int8_t>(steps));
        return;
    }
    const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(0.02 * weight));
    if (type == Stored::kF32) {
        append_le(out, bits);
    } else {  // to nearest even
        append_le(out, static_cast<std::uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16));
    }
}

struct Version {
    Bytes bytes;
    std::vector<Tensor> tensors;

    Side side() const { return {bytes, tensors}; }
    Side blob() const { return {bytes, {}}; }  // without what is known of it
};

struct VersionPair {
    Version base, result;
};

struct FineTune {
    Stored type = Stored::kI8;
    double noise = 1e-3;
    std::vector<std::size_t> layers{300'000, 40'000, 700, 500'000};  // weights of each
};

// A file with text around each layer, as model files have it.
inline VersionPair fine_tune(const FineTune& want, Rng& rng) {
    VersionPair pair;
    for (std::size_t layer = 0; layer < want.layers.size(); ++layer) {
        const std::string name = fmt::format("layer{}.weight", layer);
        const std::string text = fmt::format("<{} of {}>", name, want.layers[layer]);
        Bytes base, result;
        for (std::size_t i = 0; i < want.layers[layer]; ++i) {
            const double weight = rng.normal();
            append_weight(weight, want.type, base);
            append_weight(weight + want.noise * rng.normal(), want.type, result);
        }
        for (const auto& [version, weights] :
             {std::pair(&pair.base, &base), std::pair(&pair.result, &result)}) {
            version->bytes.insert(version->bytes.end(), text.begin(), text.end());
            version->tensors.push_back(
                {name, version->bytes.size(), weights->size(), element_of(want.type)});
            version->bytes.insert(version->bytes.end(), weights->begin(), weights->end());
        }
    }
    return pair;
}

inline Bytes random_bytes(std::size_t size, Rng& rng) {
    Bytes bytes(size);
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(rng.next());
    return bytes;
}

// Applies the delta to the base in a folder of its own; the result, or why there is none. Whatever
// happens, nothing but base, delta and a whole result may be left.
inline Result<Bytes> apply_bytes(const Bytes& base, const Bytes& delta,
                                 const ApplyOptions& options = {}) {
    testing::MemoryFiles files;
    files.overwrite("base", base);
    files.overwrite("delta", delta);
    const Result<Header> header = apply_file(files, {"base", "delta", "result"}, options);
    const std::size_t left = files.paths().size();
    HF_CHECK(left == (header.ok() ? 3u : 2u), "{} files are left", left);
    if (!header.ok()) return header.status();
    return files.read("result", UINT64_MAX);
}

}  // namespace hf::vault::delta
