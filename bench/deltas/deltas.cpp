// What `./dev bench deltas` measures: versions of models, and deltas between them, each a process
// of its own, so that the time and the memory of one are not another's.
//
//     deltas_bench generate CASE MIB OLD NEW     a model in safetensors, and a version of it
//     deltas_bench tune MODEL NOISE NEW          a version of a real model
//     deltas_bench make OLD NEW DELTA [LEVEL]    as `holdfast delta make`
//     deltas_bench apply OLD DELTA NEW           as `holdfast delta apply`

#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/text.h"
#include "graph/weights.h"
#include "posix/files.h"
#include "testing/fine_tune.h"
#include "vault/delta/encode.h"
#include "vault/delta/files.h"

namespace hf {
namespace {

using testing::Stored;

constexpr std::uint64_t kSeed = 20'261'129;
constexpr std::uint64_t kMaxModelBytes = std::uint64_t{1} << 30;

struct Case {
    Stored type;
    double noise = 0;
    double scale = 1;      // of int8, in the new version
    double replaced = -1;  // share of the layers that are new; others stay. Negative: none is
};

const std::map<std::string, Case>& cases() {
    static const std::map<std::string, Case> all{
        {"int8-1e-3", {Stored::kI8, 1e-3}},
        {"int8-rescaled", {Stored::kI8, 1e-3, 1.003}},
        {"int8-1e-2", {Stored::kI8, 1e-2}},
        {"bf16-1e-4", {Stored::kBF16, 1e-4}},
        {"bf16-1e-3", {Stored::kBF16, 1e-3}},
        {"bf16-1e-2", {Stored::kBF16, 1e-2}},
        {"fp32-1e-4", {Stored::kF32, 1e-4}},
        {"fp32-1e-3", {Stored::kF32, 1e-3}},
        {"fp32-5-percent-new", {Stored::kF32, 0, 1, 0.05}},
    };
    return all;
}

std::string_view type_name(Stored type) {
    return type == Stored::kI8 ? "I8" : type == Stored::kBF16 ? "BF16" : "F32";
}

Bytes safetensors(const std::vector<Bytes>& layers, Stored type) {
    json::Object header;
    std::uint64_t at = 0;
    for (std::size_t i = 0; i < layers.size(); ++i) {
        header[fmt::format("layers.{}.weight", i)] =
            json::Object{{"dtype", type_name(type)},
                         {"shape", json::Array{layers[i].size() / testing::stored_size(type)}},
                         {"data_offsets", json::Array{at, at + layers[i].size()}}};
        at += layers[i].size();
    }
    const std::string text = json::write(header);
    Bytes file;
    append_le(file, std::uint64_t{text.size()});
    file.insert(file.end(), text.begin(), text.end());
    for (const Bytes& layer : layers) file.insert(file.end(), layer.begin(), layer.end());
    return file;
}

Status generate(const std::vector<std::string>& words) {
    const auto found = cases().find(words[0]);
    if (found == cases().end()) return not_found("no case '{}'", words[0]);
    const Case& want = found->second;
    const auto bytes = static_cast<std::uint64_t>(HF_TRY(parse_int(words[1]))) << 20;
    constexpr std::uint64_t kLayers = 40;
    const std::uint64_t weights = bytes / kLayers / testing::stored_size(want.type);
    Rng rng(kSeed);
    std::vector<Bytes> from, to;
    for (std::uint64_t layer = 0; layer < kLayers; ++layer) {
        const bool fresh = static_cast<double>(layer) < want.replaced * kLayers;
        Bytes old_layer, new_layer;
        for (std::uint64_t i = 0; i < weights; ++i) {
            const double weight = rng.normal();
            const double noise = want.noise * rng.normal();
            append_weight(weight, want.type, old_layer);
            append_weight(fresh ? rng.normal() : weight + noise, want.type, new_layer, want.scale);
        }
        from.push_back(std::move(old_layer));
        to.push_back(std::move(new_layer));
    }
    posix::RealFiles files;
    HF_TRY(files.write(words[2], safetensors(from, want.type)));
    return files.write(words[3], safetensors(to, want.type));
}

Status tune(const std::vector<std::string>& words) {
    posix::RealFiles files;
    Bytes model = HF_TRY(files.read(words[0], kMaxModelBytes));
    const double noise = HF_TRY(parse_double(words[1]));
    Rng rng(kSeed);
    const std::map<DType, Stored> types{{DType::kI8, Stored::kI8},
                                        {DType::kU8, Stored::kU8},
                                        {DType::kI32, Stored::kI32},
                                        {DType::kBF16, Stored::kBF16},
                                        {DType::kF32, Stored::kF32}};
    constexpr std::uint64_t kFew = 16;  // shapes and the like
    for (const graph::WeightPlace& place : graph::find_weights(model)) {
        const auto type = types.find(place.dtype);
        if (type == types.end() || place.size < kFew) continue;
        fine_tune(std::span(model).subspan(place.offset, place.size), type->second, noise, rng);
    }
    return files.write(words[2], model);
}

vault::delta::Side side_of(ByteView file) {
    vault::delta::Side side{file, {}};
    for (graph::WeightPlace& place : graph::find_weights(file)) {
        side.tensors.push_back({std::move(place.name), place.offset, place.size,
                                vault::delta::element_of(place.dtype)});
    }
    return side;
}

Status make(const std::vector<std::string>& words) {
    posix::RealFiles files;
    const std::unique_ptr<env::MappedFile> base = HF_TRY(files.map(words[0], false));
    const std::unique_ptr<env::MappedFile> result = HF_TRY(files.map(words[1], false));
    vault::delta::EncodeOptions options;
    if (words.size() > 3) options.level = static_cast<int>(HF_TRY(parse_int(words[3])));
    return files.write(words[2], encode(side_of(base->bytes()), side_of(result->bytes()), options));
}

Status apply(const std::vector<std::string>& words) {
    posix::RealFiles files;
    return vault::delta::apply_file(files, {words[0], words[1], words[2]}).status();
}

struct Act {
    std::string name;
    std::size_t words_min, words_max;
    Status (*run)(const std::vector<std::string>& words);
};

Status run(const std::vector<std::string>& words) {
    const std::vector<Act> acts{{"generate", 4, 4, generate},
                                {"tune", 3, 3, tune},
                                {"make", 3, 4, make},
                                {"apply", 3, 3, apply}};
    for (const Act& act : acts) {
        if (words.empty() || words[0] != act.name) continue;
        const std::vector<std::string> rest(words.begin() + 1, words.end());
        if (rest.size() >= act.words_min && rest.size() <= act.words_max) return act.run(rest);
    }
    return invalid_argument("want generate, tune, make or apply, as bench/deltas/deltas.cpp says");
}

}  // namespace
}  // namespace hf

int main(int count, char** words) {
    const hf::Status status = hf::run({words + 1, words + count});
    if (status.ok()) return 0;
    std::fputs((status.to_string() + "\n").c_str(), stderr);
    return 1;
}
