#include "graph/safetensors/weights.h"

#include <array>
#include <optional>
#include <utility>

#include "base/json.h"

namespace hf::graph::safetensors {
namespace {

constexpr std::size_t kLengthBytes = 8;
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the format's own bound

std::optional<DType> dtype_of(std::string_view name) {
    constexpr std::array<std::pair<std::string_view, DType>, 13> kTypes{{{"F64", DType::kF64},
                                                                         {"F32", DType::kF32},
                                                                         {"F16", DType::kF16},
                                                                         {"BF16", DType::kBF16},
                                                                         {"I64", DType::kI64},
                                                                         {"I32", DType::kI32},
                                                                         {"I16", DType::kI16},
                                                                         {"I8", DType::kI8},
                                                                         {"U64", DType::kU64},
                                                                         {"U32", DType::kU32},
                                                                         {"U16", DType::kU16},
                                                                         {"U8", DType::kU8},
                                                                         {"BOOL", DType::kBool}}};
    for (const auto& [known, dtype] : kTypes) {
        if (known == name) return dtype;
    }
    return std::nullopt;
}

std::optional<WeightPlace> read_entry(std::string_view name, const json::Value& entry,
                                      std::uint64_t data_at) {
    const std::optional<DType> dtype = dtype_of(json::get_string(entry, "dtype"));
    const json::Array* offsets = json::find_array(entry, "data_offsets");
    if (!dtype || !offsets || offsets->size() != 2) return std::nullopt;
    const auto* from = (*offsets)[0].if_int64();
    const auto* to = (*offsets)[1].if_int64();
    if (!from || !to || *from < 0 || *to < *from) return std::nullopt;
    return WeightPlace{std::string(name), data_at + static_cast<std::uint64_t>(*from),
                       static_cast<std::uint64_t>(*to - *from), *dtype};
}

}  // namespace

bool looks_like_file(ByteView file) {
    if (file.size() < kLengthBytes + 2 || file[kLengthBytes] != '{') return false;
    const auto length = load_le<std::uint64_t>(file.data());
    return length >= 2 && length <= kMaxHeaderBytes && length <= file.size() - kLengthBytes;
}

std::vector<WeightPlace> find_weights(ByteView file) {
    std::vector<WeightPlace> places;
    const auto length = static_cast<std::size_t>(load_le<std::uint64_t>(file.data()));
    const std::string_view text = as_text(file.subspan(kLengthBytes, length));
    const Result<json::Value> header = json::parse(text, kMaxHeaderBytes);
    if (!header.ok() || !header->is_object()) return places;
    for (const auto& entry : header->as_object()) {
        const std::optional<WeightPlace> place =
            read_entry(json::as_view(entry.key()), entry.value(), kLengthBytes + length);
        if (place) places.push_back(*place);
    }
    return places;
}

}  // namespace hf::graph::safetensors
