#include "trust/scan/protobuf.h"

namespace hf::trust::scan {

std::optional<std::uint64_t> FieldReader::varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 70 && at_ < bytes_.size(); shift += 7) {
        const std::uint8_t byte = bytes_[at_++];
        const std::uint64_t bits = byte & 0x7f;
        if (shift == 63 && bits > 1) break;
        value |= bits << shift;
        if (byte < 0x80) return value;
    }
    malformed_ = true;
    return std::nullopt;
}

std::optional<std::uint64_t> FieldReader::fixed(std::size_t width) {
    if (width > bytes_.size() - at_) {
        malformed_ = true;
        return std::nullopt;
    }
    const std::uint8_t* start = bytes_.data() + at_;
    at_ += width;
    return width == 4 ? load_le<std::uint32_t>(start) : load_le<std::uint64_t>(start);
}

std::optional<Field> FieldReader::next() {
    if (malformed_ || at_ == bytes_.size()) return std::nullopt;
    const std::optional<std::uint64_t> tag = varint();
    if (!tag) return std::nullopt;
    Field field;
    field.number = *tag >> 3;
    field.wire = static_cast<Wire>(*tag & 7);
    std::optional<std::uint64_t> value;
    switch (field.wire) {
        case Wire::kVarint:
        case Wire::kBytes: value = varint(); break;
        case Wire::kFixed32: value = fixed(4); break;
        case Wire::kFixed64: value = fixed(8); break;
        default: break;
    }
    const bool too_long = field.wire == Wire::kBytes && value && *value > bytes_.size() - at_;
    if (!value || too_long || field.number == 0) {
        malformed_ = true;
        return std::nullopt;
    }
    field.value = *value;
    if (field.wire == Wire::kBytes) {
        field.bytes = bytes_.subspan(at_, *value);
        at_ += *value;
    }
    return field;
}

std::int64_t count_varints(ByteView packed) {
    std::int64_t count = 0;
    std::size_t length = 0;
    for (const std::uint8_t byte : packed) {
        if (++length > 10) return -1;
        if (byte >= 0x80) continue;
        ++count;
        length = 0;
    }
    return length == 0 ? count : -1;
}

}  // namespace hf::trust::scan
