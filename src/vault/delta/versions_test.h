// Versions of generated models (testing/fine_tune.h says how) for the tests of deltas.

#pragma once

#include <string>
#include <vector>

#include "base/rng.h"
#include "testing/fine_tune.h"
#include "testing/memory_files.h"
#include "vault/delta/encode.h"
#include "vault/delta/files.h"

namespace hf::vault::delta {

using testing::Stored;

inline Element element_of(Stored type) {
    const bool real = type == Stored::kBF16 || type == Stored::kF32;
    return {static_cast<std::uint8_t>(testing::stored_size(type)), real};
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
    double scale = 1;                                                // of int8, in the result
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
            testing::append_weight(weight, want.type, base);
            testing::append_weight(weight + want.noise * rng.normal(), want.type, result,
                                   want.scale);
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
