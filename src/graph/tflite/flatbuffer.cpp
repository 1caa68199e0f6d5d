#include "graph/tflite/flatbuffer.h"

namespace hf::graph::tflite {

bool Flatbuffer::has_identifier(std::string_view identifier) const {
    return bytes_.size() >= 4 + identifier.size() &&
           as_text(bytes_.subspan(4, identifier.size())) == identifier;
}

Status Flatbuffer::check(std::size_t offset, std::size_t size) const {
    if (offset > bytes_.size() || size > bytes_.size() - offset) {
        return invalid_argument(
            "{} bytes at offset {} lie outside the file of {} bytes: it is truncated or damaged",
            size, offset, bytes_.size());
    }
    return {};
}

Status Flatbuffer::charge(std::size_t size) {
    if (size > budget_bytes_) {
        return resource_exhausted(
            "the file repeats itself more than {} times; save the model again without sharing",
            kReadsPerByte);
    }
    budget_bytes_ -= size;
    return {};
}

Result<Table> Table::root(Flatbuffer& buffer) {
    HF_TRY(buffer.check(0, sizeof(std::uint32_t)));
    return at(buffer, load_le<std::uint32_t>(buffer.bytes().data()));
}

Result<Table> Table::at(Flatbuffer& buffer, std::size_t offset) {
    HF_TRY(buffer.check(offset, sizeof(std::int32_t)).context("table"));
    const std::uint8_t* data = buffer.bytes().data();
    const std::int64_t back = load_le<std::int32_t>(data + offset);
    const std::int64_t vtable = static_cast<std::int64_t>(offset) - back;
    constexpr std::size_t kHead = 2 * sizeof(std::uint16_t);
    if (vtable < 0) return invalid_argument("table at offset {} has no vtable", offset);
    Table table(buffer, offset);
    table.vtable_ = static_cast<std::size_t>(vtable);
    HF_TRY(buffer.check(table.vtable_, kHead).context("vtable"));
    table.vtable_size_ = load_le<std::uint16_t>(data + table.vtable_);
    table.size_ = load_le<std::uint16_t>(data + table.vtable_ + 2);
    if (table.vtable_size_ < kHead || table.vtable_size_ % 2 != 0 ||
        table.size_ < sizeof(std::int32_t)) {
        return invalid_argument("table at offset {} has a vtable of {} bytes for {} bytes", offset,
                                table.vtable_size_, table.size_);
    }
    HF_TRY(buffer.check(table.vtable_, table.vtable_size_).context("vtable"));
    HF_TRY(buffer.check(offset, table.size_).context("table"));
    HF_TRY(buffer.charge(table.size_));
    return table;
}

std::size_t Table::place(FieldId field) const {
    const std::size_t slot = (2 + std::size_t{field}) * sizeof(std::uint16_t);
    if (slot + sizeof(std::uint16_t) > vtable_size_) return 0;
    return load_le<std::uint16_t>(buffer_->bytes().data() + vtable_ + slot);
}

Status Table::check_field(FieldId field, std::size_t place_in_table, std::size_t size) const {
    if (place_in_table < sizeof(std::int32_t) || place_in_table + size > size_) {
        return invalid_argument("field {} of the table at offset {} lies outside of it", field,
                                offset_);
    }
    return {};
}

Result<std::size_t> Table::target(FieldId field) const {
    const std::size_t place_in_table = place(field);
    if (place_in_table == 0) return std::size_t{0};
    HF_TRY(check_field(field, place_in_table, sizeof(std::uint32_t)));
    const std::size_t from = offset_ + place_in_table;
    return from + load_le<std::uint32_t>(buffer_->bytes().data() + from);
}

Result<ByteView> Table::vector_bytes(FieldId field, std::size_t element_size) const {
    const std::size_t start = HF_TRY(target(field));
    if (start == 0) return ByteView();
    HF_TRY(buffer_->check(start, sizeof(std::uint32_t)).context("vector"));
    const std::size_t count = load_le<std::uint32_t>(buffer_->bytes().data() + start);
    const std::size_t size = count * element_size;
    HF_TRY(buffer_->check(start + sizeof(std::uint32_t), size).context("vector"));
    HF_TRY(buffer_->charge(size + sizeof(std::uint32_t)));
    return buffer_->bytes().subspan(start + sizeof(std::uint32_t), size);
}

Result<std::string> Table::string(FieldId field) const {
    return std::string(as_text(HF_TRY(vector_bytes(field, 1))));
}

Result<std::optional<Table>> Table::table(FieldId field) const {
    const std::size_t start = HF_TRY(target(field));
    if (start == 0) return std::optional<Table>();
    return std::optional<Table>(HF_TRY(at(*buffer_, start)));
}

Result<TableVector> Table::tables(FieldId field) const {
    return TableVector(*buffer_, HF_TRY(vector_bytes(field, sizeof(std::uint32_t))));
}

Result<Table> TableVector::operator[](std::size_t index) const {
    if (index >= size()) return invalid_argument("index {} in a vector of {}", index, size());
    const std::size_t from =
        static_cast<std::size_t>(offsets_.data() - buffer_->bytes().data()) + index * 4;
    return Table::at(*buffer_, from + load_le<std::uint32_t>(offsets_.data() + index * 4));
}

}  // namespace hf::graph::tflite
