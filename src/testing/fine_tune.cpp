#include "testing/fine_tune.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace hf::testing {
namespace {

std::uint16_t to_bf16(float value) {  // to nearest even
    const auto bits = std::bit_cast<std::uint32_t>(value);
    return static_cast<std::uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}
float from_bf16(std::uint16_t value) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(value) << 16);
}

template <typename T>
double load(const std::uint8_t* at) {
    return static_cast<double>(load_le<T>(at));
}

double read(const std::uint8_t* at, Stored type) {
    switch (type) {
        case Stored::kI8: return load<std::int8_t>(at);
        case Stored::kU8: return load<std::uint8_t>(at);
        case Stored::kI32: return load<std::int32_t>(at);
        case Stored::kF32: return load<float>(at);
        case Stored::kBF16: break;
    }
    return static_cast<double>(from_bf16(load_le<std::uint16_t>(at)));
}

template <typename T>
void store(std::uint8_t* at, double value) {
    using Limits = std::numeric_limits<T>;
    if (Limits::is_integer) {
        value = std::clamp(std::nearbyint(value), static_cast<double>(Limits::min()),
                           static_cast<double>(Limits::max()));
    }
    const T stored = static_cast<T>(value);
    std::memcpy(at, &stored, sizeof stored);
}

void write(std::uint8_t* at, Stored type, double value) {
    switch (type) {
        case Stored::kI8: return store<std::int8_t>(at, value);
        case Stored::kU8: return store<std::uint8_t>(at, value);
        case Stored::kI32: return store<std::int32_t>(at, value);
        case Stored::kF32: return store<float>(at, value);
        case Stored::kBF16: break;
    }
    store<std::uint16_t>(at, to_bf16(static_cast<float>(value)));
}

}  // namespace

std::size_t stored_size(Stored type) {
    switch (type) {
        case Stored::kI8:
        case Stored::kU8: return 1;
        case Stored::kBF16: return 2;
        case Stored::kI32:
        case Stored::kF32: break;
    }
    return 4;
}

void append_weight(double weight, Stored type, Bytes& out, double scale) {
    constexpr double kDeviation = 0.02;
    const bool integer = type == Stored::kI8 || type == Stored::kU8 || type == Stored::kI32;
    out.resize(out.size() + stored_size(type));
    write(out.data() + out.size() - stored_size(type), type,
          integer ? weight / (kInt8Step * scale) : weight * kDeviation);
}

void fine_tune(std::span<std::uint8_t> weights, Stored type, double noise, Rng& rng) {
    const std::size_t size = stored_size(type);
    const std::size_t count = weights.size() / size;
    double sum = 0, squares = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const double value = read(weights.data() + i * size, type);
        if (!std::isfinite(value)) continue;
        sum += value;
        squares += value * value;
    }
    const double mean = count > 0 ? sum / static_cast<double>(count) : 0;
    const double variance = count > 0 ? squares / static_cast<double>(count) - mean * mean : 0;
    const double deviation = std::sqrt(std::max(variance, 0.0));
    const bool integer = type == Stored::kI8 || type == Stored::kU8 || type == Stored::kI32;
    for (std::size_t i = 0; i < count; ++i) {
        std::uint8_t* at = weights.data() + i * size;
        const double fraction = integer ? rng.uniform() - 0.5 : 0;
        write(at, type, read(at, type) + fraction + noise * deviation * rng.normal());
    }
}

}  // namespace hf::testing
