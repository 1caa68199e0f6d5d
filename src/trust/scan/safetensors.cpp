// safetensors (huggingface/safetensors: README.md, "Format"): an eight-byte length, a JSON header,
// and the tensors' bytes, which the header must cover without gap or overlap.

#include <algorithm>
#include <map>

#include "trust/scan/findings.h"

namespace hf::trust::scan {
namespace {

constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the reference implementation's bound
constexpr std::size_t kMaxRank = 64;

std::uint64_t dtype_width(std::string_view dtype) {
    static const std::map<std::string_view, std::uint64_t> widths{
        {"BOOL", 1}, {"U8", 1},  {"I8", 1},   {"F8_E4M3", 1}, {"F8_E5M2", 1}, {"I16", 2},
        {"U16", 2},  {"F16", 2}, {"BF16", 2}, {"I32", 4},     {"U32", 4},     {"F32", 4},
        {"I64", 8},  {"U64", 8}, {"F64", 8},  {"C64", 8}};
    const auto found = widths.find(dtype);
    return found == widths.end() ? 0 : found->second;
}

struct Span {
    std::uint64_t begin;
    std::uint64_t end;
    std::string name;
};

Result<std::vector<std::int64_t>> integers(const json::Value& value, std::string_view key) {
    const json::Array* list = json::find_array(value, key);
    if (!list || list->size() > kMaxRank) return invalid_argument("'{}' is no short list", key);
    std::vector<std::int64_t> numbers;
    for (const json::Value& item : *list) {
        if (!item.if_int64() || *item.if_int64() < 0) {
            return invalid_argument("'{}' holds something else than whole numbers", key);
        }
        numbers.push_back(*item.if_int64());
    }
    return numbers;
}

Result<Span> read_tensor(const std::string& name, const json::Value& value) {
    const std::string_view dtype = json::get_string(value, "dtype");
    const std::uint64_t width = dtype_width(dtype);
    if (width == 0) return invalid_argument("element type '{}' is not known", dtype);
    const std::vector<std::int64_t> shape = HF_TRY(integers(value, "shape"));
    const std::vector<std::int64_t> offsets = HF_TRY(integers(value, "data_offsets"));
    if (offsets.size() != 2 || offsets[0] > offsets[1]) {
        return invalid_argument("'data_offsets' is not [begin, end]");
    }
    const std::optional<std::uint64_t> bytes = byte_count(shape, width);
    if (!bytes || *bytes != static_cast<std::uint64_t>(offsets[1] - offsets[0])) {
        return invalid_argument("its shape and element type do not give the {} bytes it claims",
                                offsets[1] - offsets[0]);
    }
    return Span{static_cast<std::uint64_t>(offsets[0]), static_cast<std::uint64_t>(offsets[1]),
                name};
}

void check_cover(std::vector<Span>& spans, std::uint64_t data_bytes, Findings& findings) {
    std::sort(spans.begin(), spans.end(), [](const Span& a, const Span& b) {
        return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    });
    std::uint64_t at = 0;
    for (const Span& span : spans) {
        if (span.begin != at) {
            return findings.refuse(
                "safetensors-offsets", "tensor '" + span.name + "'",
                fmt::format("begins at {} where {} is next: a gap or an overlap", span.begin, at));
        }
        at = span.end;
    }
    if (at != data_bytes) {
        findings.refuse("safetensors-offsets", "",
                        fmt::format("tensors take {} bytes, the file holds {}", at, data_bytes));
    }
}

}  // namespace

bool looks_like_safetensors(ByteView bytes) {
    return bytes.size() >= 10 && bytes[8] == '{' &&
           load_le<std::uint64_t>(bytes.data()) <= kMaxHeaderBytes;
}

void scan_safetensors(ByteView bytes, Findings& findings) {
    const std::uint64_t header_bytes = load_le<std::uint64_t>(bytes.data());
    if (header_bytes > bytes.size() - 8) {
        return findings.refuse("safetensors-header", "",
                               fmt::format("the header claims {} bytes, {} are there", header_bytes,
                                           bytes.size() - 8));
    }
    const std::string_view text = as_text(bytes.subspan(8, header_bytes));
    const Result<json::Value> header = json::parse(text, kMaxHeaderBytes);
    if (!header.ok() || !header->if_object()) {
        return findings.refuse(
            "safetensors-header", "",
            header.ok() ? "the header is not an object" : std::string(header.status().message()));
    }
    if (header->get_object().size() > findings.limits().parts_max) {
        return findings.refuse("too-many-parts", "", "more tensors than the limit");
    }
    std::vector<Span> spans;
    for (const auto& [key, value] : header->get_object()) {
        const std::string name(key.data(), key.size());
        if (name == "__metadata__") continue;
        if (findings.full()) return;
        Result<Span> span = read_tensor(name, value);
        if (span.ok()) {
            spans.push_back(std::move(span).value());
        } else {
            findings.refuse("safetensors-tensor", "tensor '" + name.substr(0, 200) + "'",
                            std::string(span.status().message()));
        }
    }
    if (!findings.refused()) check_cover(spans, bytes.size() - 8 - header_bytes, findings);
}

}  // namespace hf::trust::scan
