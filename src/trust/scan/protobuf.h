// A bounded reader of protobuf's wire format (protobuf.dev: "Encoding"), field by field, without
// recursion or allocation. Groups, which nothing here uses, count as malformed. Internal to
// trust/scan.

#pragma once

#include <optional>

#include "base/bytes.h"

namespace hf::trust::scan {

enum class Wire : unsigned char { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

struct Field {
    std::uint64_t number = 0;
    Wire wire = Wire::kVarint;
    std::uint64_t value = 0;  // of kVarint, kFixed32 and kFixed64
    ByteView bytes;           // of kBytes
};

class FieldReader final {
public:
    explicit FieldReader(ByteView bytes) : bytes_(bytes) {}

    // nullopt at the end, and where the bytes are no field: then malformed() is true.
    std::optional<Field> next();
    bool malformed() const { return malformed_; }
    std::size_t offset() const { return at_; }

private:
    std::optional<std::uint64_t> varint();
    std::optional<std::uint64_t> fixed(std::size_t width);

    ByteView bytes_;
    std::size_t at_ = 0;
    bool malformed_ = false;
};

// The varints of a packed field; -1 where it is malformed.
std::int64_t count_varints(ByteView packed);

}  // namespace hf::trust::scan
