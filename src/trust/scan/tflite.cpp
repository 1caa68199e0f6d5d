// TFLite by the structure of its flatbuffer (tensorflow: tensorflow/lite/schema/schema.fbs, version
// 3; flatbuffers: "FlatBuffer Internals"). Every offset is checked before it is followed, and every
// table is counted, so that shared or cyclic tables cost no more than the limit.

#include <map>

#include "trust/scan/findings.h"

namespace hf::trust::scan {
namespace {

constexpr std::int64_t kCustomOperator = 32;  // BuiltinOperator.CUSTOM

// Bytes of an element by TensorType; 0 for strings, resources, variants and 4-bit numbers.
std::uint64_t element_width(std::int64_t type) {
    static const std::map<std::int64_t, std::uint64_t> widths{
        {0, 4}, {1, 2},  {2, 4},   {3, 1},  {4, 8},  {6, 1},  {7, 2}, {8, 8},
        {9, 1}, {10, 8}, {11, 16}, {12, 8}, {15, 4}, {16, 2}, {18, 2}};
    const auto found = widths.find(type);
    return found == widths.end() ? 0 : found->second;
}

// A vector: where its first element lies, and how many there are.
struct Vector {
    std::size_t at = 0;
    std::size_t count = 0;
};

// Reads with the habit of failing once and then giving zeros: `broken` says where.
class Flatbuffer final {
public:
    explicit Flatbuffer(ByteView bytes) : bytes_(bytes) {}

    bool broken() const { return broken_; }
    std::size_t broken_at() const { return broken_at_; }

    template <typename T>
    T read(std::size_t at) {
        if (at > bytes_.size() || sizeof(T) > bytes_.size() - at) return fail<T>(at);
        return load_le<T>(bytes_.data() + at);
    }

    // Follows the unsigned offset stored at `at`.
    std::size_t follow(std::size_t at) {
        const std::uint32_t offset = read<std::uint32_t>(at);
        if (broken_) return 0;
        if (offset == 0 || at + offset >= bytes_.size()) return fail<std::size_t>(at);
        return at + offset;
    }

    // Where field number `field` of the table lies; 0 when it is absent.
    std::size_t field(std::size_t table, std::size_t field, std::size_t width) {
        const auto back = read<std::int32_t>(table);
        const std::int64_t vtable = static_cast<std::int64_t>(table) - back;
        if (broken_) return 0;
        if (vtable < 0 || vtable % 2 != 0) return fail<std::size_t>(table);
        const auto start = static_cast<std::size_t>(vtable);
        const auto vtable_bytes = read<std::uint16_t>(start);
        const auto table_bytes = read<std::uint16_t>(start + 2);
        if (broken_) return 0;
        if (vtable_bytes < 4 || vtable_bytes % 2 != 0) return fail<std::size_t>(start);
        if (4 + 2 * field + 2 > vtable_bytes) return 0;
        const auto offset = read<std::uint16_t>(start + 4 + 2 * field);
        if (broken_ || offset == 0) return 0;
        if (offset < 4 || offset + width > table_bytes) return fail<std::size_t>(start);
        return table + offset;
    }

    template <typename T>
    T scalar(std::size_t table, std::size_t number, T fallback) {
        const std::size_t at = field(table, number, sizeof(T));
        return at == 0 ? fallback : read<T>(at);
    }

    Vector vector(std::size_t table, std::size_t number, std::size_t width) {
        const std::size_t at = field(table, number, 4);
        if (at == 0) return {};
        const std::size_t start = follow(at);
        const auto count = read<std::uint32_t>(start);
        if (broken_) return {};
        if (count > (bytes_.size() - start - 4) / width) return fail<Vector>(start);
        return {start + 4, count};
    }

    std::string_view text(std::size_t table, std::size_t number) {
        const Vector letters = vector(table, number, 1);
        return as_text(bytes_.subspan(letters.at, letters.count));
    }

private:
    template <typename T>
    T fail(std::size_t at) {
        if (!broken_) broken_at_ = at;
        broken_ = true;
        return T{};
    }

    ByteView bytes_;
    bool broken_ = false;
    std::size_t broken_at_ = 0;
};

class TfliteScan final {
public:
    TfliteScan(ByteView bytes, Findings& findings) : buffer_(bytes), findings_(findings) {}

    void run() {
        const std::size_t model = buffer_.follow(0);
        const auto version = buffer_.scalar<std::uint32_t>(model, 0, 0);
        if (!buffer_.broken() && version != 3) {
            findings_.refuse("tflite-version", "", fmt::format("version {}, want 3", version));
        }
        operators_ = buffer_.vector(model, 1, 4);
        buffers_ = buffer_.vector(model, 4, 4);
        for (std::size_t i = 0; i < operators_.count && go_on(); ++i) check_operator_code(i);
        for (std::size_t i = 0; i < buffers_.count && go_on(); ++i) check_buffer(i);
        const Vector subgraphs = buffer_.vector(model, 2, 4);
        if (!buffer_.broken() && subgraphs.count == 0) {
            findings_.refuse("tflite-malformed", "", "there is no subgraph");
        }
        for (std::size_t i = 0; i < subgraphs.count && go_on(); ++i) {
            check_subgraph(buffer_.follow(subgraphs.at + 4 * i), i);
        }
        if (buffer_.broken()) {
            findings_.refuse("tflite-malformed", "",
                             fmt::format("an offset at byte {} leads outside: truncated or damaged",
                                         buffer_.broken_at()));
        }
    }

private:
    bool go_on() {
        if (buffer_.broken() || findings_.full()) return false;
        if (++parts_ <= findings_.limits().parts_max) return true;
        findings_.refuse("too-many-parts", "", "more tables than the limit");
        return false;
    }

    void check_operator_code(std::size_t index) {
        const std::size_t table = buffer_.follow(operators_.at + 4 * index);
        const auto old_code = buffer_.scalar<std::int8_t>(table, 0, 0);
        const auto code = buffer_.scalar<std::int32_t>(table, 3, 0);
        const std::string_view custom = buffer_.text(table, 1);
        if (buffer_.broken()) return;
        if (custom.empty() && code != kCustomOperator && old_code != kCustomOperator) return;
        findings_.refuse("custom-operator", fmt::format("operator code {}", index),
                         fmt::format("operator '{}' is not part of TFLite; what it does cannot be "
                                     "known",
                                     printable(custom)));
    }

    static std::string printable(std::string_view text) {
        std::string shown(text.substr(0, 80));
        for (char& c : shown) {
            if (c < 0x20 || c == 0x7f) c = '?';
        }
        return shown;
    }

    void check_buffer(std::size_t index) {
        const std::size_t table = buffer_.follow(buffers_.at + 4 * index);
        sizes_.push_back(buffer_.vector(table, 0, 1).count);
        const auto offset = buffer_.scalar<std::uint64_t>(table, 1, 0);
        if (buffer_.broken() || offset <= 1) return;
        findings_.refuse(
            "tflite-external-buffer", fmt::format("buffer {}", index),
            "its bytes lie outside the flatbuffer; convert the model again, below 2 GiB");
    }

    void check_subgraph(std::size_t table, std::size_t index) {
        const Vector tensors = buffer_.vector(table, 0, 4);
        for (std::size_t i = 0; i < tensors.count && go_on(); ++i) {
            check_tensor(buffer_.follow(tensors.at + 4 * i),
                         fmt::format("subgraph {}, tensor {}", index, i));
        }
        check_indices(buffer_.vector(table, 1, 4), tensors.count, "inputs", index);
        check_indices(buffer_.vector(table, 2, 4), tensors.count, "outputs", index);
        const Vector nodes = buffer_.vector(table, 3, 4);
        for (std::size_t i = 0; i < nodes.count && go_on(); ++i) {
            const std::size_t node = buffer_.follow(nodes.at + 4 * i);
            const auto code = buffer_.scalar<std::uint32_t>(node, 0, 0);
            if (!buffer_.broken() && code >= operators_.count) {
                findings_.refuse("tflite-malformed",
                                 fmt::format("subgraph {}, operator {}", index, i),
                                 fmt::format("operator code {} of {}", code, operators_.count));
            }
            check_indices(buffer_.vector(node, 1, 4), tensors.count, "operator inputs", index);
            check_indices(buffer_.vector(node, 2, 4), tensors.count, "operator outputs", index);
        }
    }

    void check_indices(Vector list, std::size_t tensors, std::string_view what, std::size_t index) {
        for (std::size_t i = 0; i < list.count && go_on(); ++i) {
            const auto tensor = buffer_.read<std::int32_t>(list.at + 4 * i);
            const bool absent = tensor == -1;  // an optional input that is not given
            if (absent || (tensor >= 0 && static_cast<std::size_t>(tensor) < tensors)) continue;
            return findings_.refuse("tflite-malformed", fmt::format("subgraph {}, {}", index, what),
                                    fmt::format("tensor {} of {}", tensor, tensors));
        }
    }

    void check_tensor(std::size_t table, const std::string& place) {
        const Vector shape = buffer_.vector(table, 0, 4);
        const auto type = buffer_.scalar<std::int8_t>(table, 1, 0);
        const auto buffer = buffer_.scalar<std::uint32_t>(table, 2, 0);
        if (buffer_.text(table, 3).size() > findings_.limits().name_bytes_max) {
            findings_.refuse("name-length", place, "its name is longer than the limit");
        }
        if (buffer_.broken()) return;
        if (buffer >= sizes_.size()) {
            return findings_.refuse("tflite-malformed", place,
                                    fmt::format("buffer {} of {}", buffer, sizes_.size()));
        }
        std::vector<std::int64_t> dims;
        for (std::size_t i = 0; i < shape.count && i <= 64; ++i) {
            dims.push_back(buffer_.read<std::int32_t>(shape.at + 4 * i));
        }
        const std::uint64_t width = element_width(type);
        const std::uint64_t held = sizes_[buffer];
        if (held == 0 || width == 0 || buffer_.broken()) return;
        const std::optional<std::uint64_t> needed = byte_count(dims, width);
        const bool sparse = buffer_.field(table, 6, 4) != 0;
        if (needed && (*needed == held || sparse)) return;
        findings_.refuse(
            "tensor-size", place,
            fmt::format("its shape needs {} bytes, its buffer has {}", needed.value_or(0), held));
    }

    Flatbuffer buffer_;
    Findings& findings_;
    Vector operators_;
    Vector buffers_;
    std::vector<std::size_t> sizes_;  // of the buffers
    std::size_t parts_ = 0;
};

}  // namespace

bool looks_like_tflite(ByteView bytes) {
    return bytes.size() >= 8 && as_text(bytes.subspan(4, 4)) == "TFL3";
}

void scan_tflite(ByteView bytes, Findings& findings) {
    TfliteScan(bytes, findings).run();
}

}  // namespace hf::trust::scan
