#include "vault/delta/planes.h"

#include <algorithm>
#include <bit>
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

std::uint64_t append_sparse(ByteView base, ByteView result, Element element, Bytes& data) {
    return with_type(element.width, [&](auto type) -> std::uint64_t {
        using U = decltype(type);
        const std::size_t count = result.size() / sizeof(U);
        std::vector<U> changes;
        std::uint8_t* bits = grow(data, (count + 7) / 8);
        for (std::size_t i = 0; i < count; ++i) {
            const auto from = load_le<U>(base.data() + i * sizeof(U));
            const auto to = load_le<U>(result.data() + i * sizeof(U));
            if (from == to) continue;
            bits[i / 8] = static_cast<std::uint8_t>(bits[i / 8] | 1U << (i % 8));
            changes.push_back(zigzag_difference(from, to, element.real));
        }
        std::uint8_t* planes = grow(data, changes.size() * sizeof(U));
        for (std::size_t i = 0; i < changes.size(); ++i) put(planes, changes.size(), i, changes[i]);
        return changes.size();
    });
}

Status read_sparse(ByteView data, std::uint64_t changed, Element element,
                   std::span<std::uint8_t> values) {
    return with_type(element.width, [&](auto type) -> Status {
        using U = decltype(type);
        const std::size_t count = values.size() / sizeof(U);
        const ByteView bits = data.first((count + 7) / 8);
        std::uint64_t set = 0;
        for (const std::uint8_t byte : bits) set += static_cast<unsigned>(std::popcount(byte));
        const bool beyond = count % 8 != 0 && bits.back() >> (count % 8) != 0;
        if (set != changed || beyond) {
            return invalid_argument("{} changes are marked where {} are given", set, changed);
        }
        const std::uint8_t* planes = data.data() + bits.size();
        std::size_t next = 0;
        for (std::size_t block = 0; block < bits.size(); ++block) {
            for (unsigned left = bits[block]; left != 0; left &= left - 1) {
                const auto bit = static_cast<std::size_t>(std::countr_zero(left));
                std::uint8_t* at = values.data() + (block * 8 + bit) * sizeof(U);
                const U zigzag = get<U>(planes, static_cast<std::size_t>(changed), next++);
                store(at, add_zigzag(load_le<U>(at), zigzag, element.real));
            }
        }
        return {};
    });
}

}  // namespace hf::vault::delta
