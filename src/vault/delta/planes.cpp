#include "vault/delta/planes.h"

#include <type_traits>

namespace hf::vault::delta {
namespace {

template <typename U>
constexpr unsigned kBits = sizeof(U) * 8;

// Calls `act` with a value of the unsigned type of the width.
template <typename Act>
auto with_type(unsigned width, Act act) {
    switch (width) {
        case 1: return act(std::uint8_t{});
        case 2: return act(std::uint16_t{});
        case 4: return act(std::uint32_t{});
        default: break;
    }
    HF_CHECK(width == 8, "elements of {} bytes", width);
    return act(std::uint64_t{});
}

// All ones where the uppermost bit is set, else 0.
template <typename U>
U sign_mask(U value) {
    return static_cast<U>(0 - (value >> (kBits<U> - 1)));
}

// Sign and magnitude to two's complement less one for negative numbers, which keeps their order;
// and, since the sign stays, back.
template <typename U>
U ordered(U value, bool real) {
    return real ? static_cast<U>(value ^ (sign_mask(value) >> 1)) : value;
}

template <typename U>
U zigzag_difference(U from, U to, bool real) {
    const auto difference = static_cast<U>(ordered(to, real) - ordered(from, real));
    return static_cast<U>((difference << 1) ^ sign_mask(difference));
}

template <typename U>
U add_zigzag(U from, U zigzag, bool real) {
    const auto difference = static_cast<U>((zigzag >> 1) ^ static_cast<U>(0 - (zigzag & 1)));
    return ordered(static_cast<U>(ordered(from, real) + difference), real);
}

template <typename U>
void store(std::uint8_t* to, U value) {
    std::memcpy(to, &value, sizeof value);
}

// Element `index` of `count`, in planes.
template <typename U>
void put(std::uint8_t* planes, std::size_t count, std::size_t index, U value) {
    for (std::size_t plane = 0; plane < sizeof(U); ++plane) {
        planes[plane * count + index] = static_cast<std::uint8_t>(value >> (8 * plane));
    }
}
template <typename U>
U get(const std::uint8_t* planes, std::size_t count, std::size_t index) {
    U value = 0;
    for (std::size_t plane = 0; plane < sizeof(U); ++plane) {
        value =
            static_cast<U>(value | static_cast<U>(planes[plane * count + index]) << (8 * plane));
    }
    return value;
}

std::uint8_t* grow(Bytes& data, std::size_t size) {
    data.resize(data.size() + size);
    return data.data() + data.size() - size;
}

// Appends the lowest bits of the changes, inverted, and shifts them out.
template <typename U>
void take_signs(std::vector<U>& changes, Bytes& data) {
    std::uint8_t* signs = grow(data, (changes.size() + 7) / 8);
    for (std::size_t i = 0; i < changes.size(); ++i) {
        const unsigned less = (changes[i] & 1) == 0 ? 1 : 0;
        signs[i / 8] = static_cast<std::uint8_t>(signs[i / 8] | less << (i % 8));
        changes[i] = static_cast<U>(changes[i] >> 1);
    }
}

// A change as append_sparse counts it: a zigzag less one.
template <typename U>
U put_sign(U change, const std::uint8_t* signs, std::size_t index) {
    const bool less = (signs[index / 8] >> (index % 8) & 1) != 0;
    return static_cast<U>((change << 1) | (less ? 0 : 1));
}

}  // namespace

void append_literal(ByteView result, Element element, Bytes& data) {
    std::uint8_t* planes = grow(data, result.size());
    with_type(element.width, [&](auto type) {
        using U = decltype(type);
        const std::size_t count = result.size() / sizeof(U);
        for (std::size_t i = 0; i < count; ++i) {
            put(planes, count, i, load_le<U>(result.data() + i * sizeof(U)));
        }
    });
}

void read_literal(ByteView data, Element element, std::span<std::uint8_t> result) {
    with_type(element.width, [&](auto type) {
        using U = decltype(type);
        const std::size_t count = result.size() / sizeof(U);
        for (std::size_t i = 0; i < count; ++i) {
            store(result.data() + i * sizeof(U), get<U>(data.data(), count, i));
        }
    });
}

void append_difference(ByteView base, ByteView result, Element element, Bytes& data) {
    std::uint8_t* planes = grow(data, result.size());
    with_type(element.width, [&](auto type) {
        using U = decltype(type);
        const std::size_t count = result.size() / sizeof(U);
        for (std::size_t i = 0; i < count; ++i) {
            const auto from = load_le<U>(base.data() + i * sizeof(U));
            const auto to = load_le<U>(result.data() + i * sizeof(U));
            put(planes, count, i, zigzag_difference(from, to, element.real));
        }
    });
}

void read_difference(ByteView data, Element element, std::span<std::uint8_t> values) {
    with_type(element.width, [&](auto type) {
        using U = decltype(type);
        const std::size_t count = values.size() / sizeof(U);
        for (std::size_t i = 0; i < count; ++i) {
            std::uint8_t* at = values.data() + i * sizeof(U);
            store(at, add_zigzag(load_le<U>(at), get<U>(data.data(), count, i), element.real));
        }
    });
}

SparseCounts append_sparse(ByteView base, ByteView result, Element element, Bytes& data) {
    return with_type(element.width, [&](auto type) -> SparseCounts {
        using U = decltype(type);
        const std::size_t count = result.size() / sizeof(U);
        const std::size_t start = data.size();
        std::vector<U> changes;
        std::size_t unchanged = 0;
        for (std::size_t i = 0; i < count; ++i) {
            const auto from = load_le<U>(base.data() + i * sizeof(U));
            const auto to = load_le<U>(result.data() + i * sizeof(U));
            if (from == to) {
                ++unchanged;
                continue;
            }
            for (; unchanged >= kLongRun; unchanged -= kLongRun) data.push_back(kLongRun);
            data.push_back(static_cast<std::uint8_t>(unchanged));
            unchanged = 0;
            changes.push_back(static_cast<U>(zigzag_difference(from, to, element.real) - 1));
        }
        const std::size_t marks = data.size() - start;
        if (element.width == 1) take_signs(changes, data);
        std::uint8_t* planes = grow(data, changes.size() * sizeof(U));
        for (std::size_t i = 0; i < changes.size(); ++i) put(planes, changes.size(), i, changes[i]);
        return {marks, changes.size()};
    });
}

Status read_sparse(ByteView data, const SparseCounts& counts, Element element,
                   std::span<std::uint8_t> values) {
    return with_type(element.width, [&](auto type) -> Status {
        using U = decltype(type);
        const std::size_t count = values.size() / sizeof(U);
        const auto changed = static_cast<std::size_t>(counts.changed);
        const std::uint8_t* signs = data.data() + counts.marks;
        const std::uint8_t* planes = signs + sign_bytes(element, changed);
        std::size_t at = 0, next = 0;
        for (const std::uint8_t mark : data.first(static_cast<std::size_t>(counts.marks))) {
            at += mark;
            if (mark == kLongRun) continue;
            if (at >= count || next == changed) {
                return invalid_argument("the marks lead beyond {} changes in {} elements", changed,
                                        count);
            }
            std::uint8_t* value = values.data() + at * sizeof(U);
            U change = get<U>(planes, changed, next);
            if (element.width == 1) change = put_sign(change, signs, next);
            const U zigzag = static_cast<U>(change + 1);
            store(value, add_zigzag(load_le<U>(value), zigzag, element.real));
            ++at;
            ++next;
        }
        if (next == changed) return {};
        return invalid_argument("the marks lead to {} changes of {}", next, changed);
    });
}

}  // namespace hf::vault::delta
