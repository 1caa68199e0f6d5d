// Byte buffers and the little-endian reads that every file format here needs.
//
// Bytes owns; ByteView borrows and must not outlive what it views. The load functions do not check
// bounds (callers have done so, or use ByteReader, which does and answers with a Status).

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hf {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

inline ByteView as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline Bytes to_bytes(std::string_view text) {
    return {text.begin(), text.end()};
}

// Reads a trivially copyable T, little-endian, from unaligned memory.
// REQUIRES: sizeof(T) readable bytes at p.
template <typename T>
T load_le(const void* p) {
    static_assert(std::is_trivially_copyable_v<T>);
    T value;
    std::memcpy(&value, p, sizeof value);
    return value;
}
template <typename T>
void append_le(Bytes& out, T value) {
    static_assert(std::is_trivially_copyable_v<T>);
    const auto* p = reinterpret_cast<const std::uint8_t*>(&value);
    out.insert(out.end(), p, p + sizeof value);
}

// A bounds-checked cursor over a ByteView. Every read past the end is DATA_LOSS with the offset.
class ByteReader final {
public:
    explicit ByteReader(ByteView bytes) : bytes_(bytes) {}

    std::size_t offset() const { return offset_; }
    std::size_t remaining() const { return bytes_.size() - offset_; }

    template <typename T>
    Result<T> read() {
        ByteView view = HF_TRY(take(sizeof(T)));
        return load_le<T>(view.data());
    }

    Result<ByteView> take(std::size_t size);
    Status skip(std::size_t size) { return take(size).status(); }

private:
    ByteView bytes_;
    std::size_t offset_ = 0;
};

// Lower-case hexadecimal, and back (either case; INVALID_ARGUMENT on odd length or a bad digit).
std::string to_hex(ByteView bytes);
Result<Bytes> from_hex(std::string_view text);

// RFC 4648 section 4 base64 with padding. Decoding is strict: no white space, canonical tail bits.
std::string to_base64(ByteView bytes);
Result<Bytes> from_base64(std::string_view text);

}  // namespace hf
