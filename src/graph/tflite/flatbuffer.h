// A bounds-checked reader of flatbuffers ("FlatBuffers: Internals", flatbuffers.dev), enough for
// the TFLite schema. Every offset, table, vtable, vector and string is verified when it is reached,
// before a byte behind it is used; nothing is assumed about alignment.
//
// The bytes are borrowed and must outlive everything made here. Offsets may share or even overlap
// what they name, so that a small file can describe endless data: every vector and string that is
// opened is charged to a budget of kReadsPerByte times the file. Depth is bounded by the schema: a
// reader follows fields that it names, never a recursion that the file chooses.
//
// Errors: INVALID_ARGUMENT names the offset; RESOURCE_EXHAUSTED when the budget is spent. Not
// thread-safe: one reader, one budget.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/status.h"

namespace hf::graph::tflite {

// The place of a field in its table, counted from 0 in the order of the schema.
using FieldId = std::uint16_t;

class Flatbuffer final {
public:
    static constexpr std::size_t kReadsPerByte = 16;

    explicit Flatbuffer(ByteView bytes)
        : bytes_(bytes), budget_bytes_(bytes.size() * kReadsPerByte + 4096) {}
    Flatbuffer(const Flatbuffer&) = delete;
    Flatbuffer& operator=(const Flatbuffer&) = delete;

    // Whether the four bytes after the root offset are `identifier`.
    bool has_identifier(std::string_view identifier) const;

    ByteView bytes() const { return bytes_; }

    // OK when `size` bytes lie at `offset`.
    Status check(std::size_t offset, std::size_t size) const;

    // Takes `size` bytes from the budget.
    Status charge(std::size_t size);

private:
    ByteView bytes_;
    std::size_t budget_bytes_;
};

// A vector of scalars. The elements may be unaligned.
template <typename T>
class ScalarVector final {
public:
    ScalarVector() = default;
    explicit ScalarVector(ByteView bytes) : bytes_(bytes) {}

    std::size_t size() const { return bytes_.size() / sizeof(T); }
    bool empty() const { return bytes_.empty(); }

    // REQUIRES: index < size().
    T operator[](std::size_t index) const { return load_le<T>(bytes_.data() + index * sizeof(T)); }
    ByteView bytes() const { return bytes_; }

private:
    ByteView bytes_;
};

class TableVector;

class Table final {
public:
    // The root table of the file.
    static Result<Table> root(Flatbuffer& buffer);

    // The table at an absolute offset.
    static Result<Table> at(Flatbuffer& buffer, std::size_t offset);

    bool has(FieldId field) const { return place(field) != 0; }

    // A number; the schema's default when the field is absent.
    template <typename T>
    Result<T> scalar(FieldId field, T fallback) const {
        const std::size_t place_in_table = place(field);
        if (place_in_table == 0) return fallback;
        HF_TRY(check_field(field, place_in_table, sizeof(T)));
        return load_le<T>(buffer_->bytes().data() + offset_ + place_in_table);
    }

    // Absent vectors and strings are empty; an absent table is nullopt.
    template <typename T>
    Result<ScalarVector<T>> scalars(FieldId field) const {
        return ScalarVector<T>(HF_TRY(vector_bytes(field, sizeof(T))));
    }
    Result<std::string> string(FieldId field) const;
    Result<std::optional<Table>> table(FieldId field) const;
    Result<TableVector> tables(FieldId field) const;

private:
    Table(Flatbuffer& buffer, std::size_t offset) : buffer_(&buffer), offset_(offset) {}

    // Where the field lies from the start of the table; 0 when it is absent.
    std::size_t place(FieldId field) const;
    Status check_field(FieldId field, std::size_t place_in_table, std::size_t size) const;
    Result<std::size_t> target(FieldId field) const;  // of an offset field; 0 when absent
    Result<ByteView> vector_bytes(FieldId field, std::size_t element_size) const;

    Flatbuffer* buffer_;
    std::size_t offset_;
    std::size_t size_ = 0;
    std::size_t vtable_ = 0;
    std::size_t vtable_size_ = 0;
};

class TableVector final {
public:
    TableVector(Flatbuffer& buffer, ByteView offsets) : buffer_(&buffer), offsets_(offsets) {}

    std::size_t size() const { return offsets_.size() / sizeof(std::uint32_t); }

    // INVALID_ARGUMENT when index >= size().
    Result<Table> operator[](std::size_t index) const;

private:
    Flatbuffer* buffer_;
    ByteView offsets_;
};

}  // namespace hf::graph::tflite
