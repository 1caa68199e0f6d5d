#include "tensor/tensor.h"

#include <sys/mman.h>

#include <bit>
#include <cmath>
#include <cstdlib>

namespace hf {
namespace {

// Tensors of several of these ask the system for them: convolutions walk over many rows at a time,
// whose pages of 4 KiB have to be looked up. For smaller tensors most of such a page would be
// waste.
constexpr std::size_t kLargePage = std::size_t{2} << 20;
constexpr std::size_t kWorthLargePages = 2 * kLargePage;

}  // namespace

struct Tensor::Storage {
    struct Free {
        void operator()(std::uint8_t* p) const { std::free(p); }
    };
    std::unique_ptr<std::uint8_t, Free> owned;
    std::vector<std::string> strings;
    std::shared_ptr<const void> borrowed_from;
};

Tensor::Tensor(DType dtype, Shape shape)
    : dtype_(dtype), shape_(std::move(shape)), storage_(std::make_shared<Storage>()) {
    const auto elements = static_cast<std::size_t>(shape_.elements());
    if (dtype == DType::kString) {
        storage_->strings.resize(elements);
        return;
    }
    size_bytes_ = elements * dtype_size(dtype);
    const std::size_t alignment = size_bytes_ >= kWorthLargePages ? kLargePage : kAlignment;
    const std::size_t rounded = (size_bytes_ + alignment) / alignment * alignment;
    storage_->owned.reset(static_cast<std::uint8_t*>(std::aligned_alloc(alignment, rounded)));
    HF_CHECK(storage_->owned != nullptr, "out of memory for a tensor of {} bytes", size_bytes_);
#ifdef MADV_HUGEPAGE
    // A hint; without such pages, memory is as it was.
    if (alignment == kLargePage) ::madvise(storage_->owned.get(), rounded, MADV_HUGEPAGE);
#endif
    std::memset(storage_->owned.get(), 0, rounded);
    data_ = storage_->owned.get();
}

Tensor Tensor::of_strings(Shape shape, std::vector<std::string> values) {
    Tensor tensor(DType::kString, std::move(shape));
    HF_CHECK(values.size() == tensor.storage_->strings.size());
    tensor.storage_->strings = std::move(values);
    return tensor;
}

Tensor Tensor::borrowed(DType dtype, Shape shape, ByteView bytes,
                        std::shared_ptr<const void> owner) {
    Tensor tensor;
    tensor.dtype_ = dtype;
    tensor.shape_ = std::move(shape);
    tensor.storage_ = std::make_shared<Storage>();
    tensor.storage_->borrowed_from = std::move(owner);
    tensor.data_ = bytes.data();
    tensor.size_bytes_ = static_cast<std::size_t>(tensor.elements()) * dtype_size(dtype);
    HF_CHECK(bytes.size() >= tensor.size_bytes_, "borrowed bytes too short");
    return tensor;
}

std::span<std::uint8_t> Tensor::mutable_bytes() {
    HF_CHECK(storage_ && storage_.use_count() == 1 && (storage_->owned || size_bytes_ == 0),
             "mutable access to a shared or borrowed tensor");
    return {storage_->owned.get(), size_bytes_};
}

const std::vector<std::string>& Tensor::strings() const {
    HF_CHECK(storage_ && dtype_ == DType::kString);
    return storage_->strings;
}

std::vector<std::string>& Tensor::mutable_strings() {
    HF_CHECK(storage_ && dtype_ == DType::kString && storage_.use_count() == 1);
    return storage_->strings;
}

MutableTensorView Tensor::mutable_view() {
    return {dtype_, shape_, mutable_bytes().data()};
}

Tensor Tensor::reshaped(Shape shape) const {
    HF_CHECK(shape.elements() == elements(), "reshape {} to {}", shape_.to_string(),
             shape.to_string());
    Tensor tensor = *this;
    tensor.shape_ = std::move(shape);
    return tensor;
}

namespace {

template <typename T>
void fill_integers(Tensor& tensor, Rng& rng, std::uint64_t bound) {
    for (T& value : tensor.mutable_values<T>()) value = static_cast<T>(rng.below(bound));
}

template <typename T, typename Convert>
void fill_floats(Tensor& tensor, Rng& rng, Convert convert) {
    for (T& value : tensor.mutable_values<T>()) value = convert(2.0 * rng.uniform() - 1.0);
}

}  // namespace

Tensor random_tensor(DType dtype, const Shape& shape, Rng& rng) {
    Tensor tensor(dtype, shape);
    switch (dtype) {
        case DType::kF32:
        case DType::kC64:
            for (std::size_t i = 0; i + 4 <= tensor.bytes().size(); i += 4) {
                const auto value = static_cast<float>(2.0 * rng.uniform() - 1.0);
                std::memcpy(tensor.mutable_bytes().data() + i, &value, 4);
            }
            break;
        case DType::kF64:
        case DType::kC128:
            for (std::size_t i = 0; i + 8 <= tensor.bytes().size(); i += 8) {
                const double value = 2.0 * rng.uniform() - 1.0;
                std::memcpy(tensor.mutable_bytes().data() + i, &value, 8);
            }
            break;
        case DType::kF16:
            fill_floats<std::uint16_t>(
                tensor, rng, [](double v) { return float_to_half(static_cast<float>(v)); });
            break;
        case DType::kBF16:
            fill_floats<std::uint16_t>(
                tensor, rng, [](double v) { return float_to_bfloat(static_cast<float>(v)); });
            break;
        case DType::kI8:
        case DType::kU8: fill_integers<std::uint8_t>(tensor, rng, 256); break;
        case DType::kI16:
        case DType::kU16: fill_integers<std::uint16_t>(tensor, rng, 10); break;
        case DType::kI32:
        case DType::kU32: fill_integers<std::uint32_t>(tensor, rng, 10); break;
        case DType::kI64:
        case DType::kU64: fill_integers<std::uint64_t>(tensor, rng, 10); break;
        case DType::kBool: fill_integers<std::uint8_t>(tensor, rng, 2); break;
        case DType::kString:
            for (std::string& value : tensor.mutable_strings()) {
                value = fmt::format("s{}", rng.below(1000));
            }
            break;
    }
    return tensor;
}

float half_to_float(std::uint16_t bits) {
    const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
    const std::uint32_t exponent = (bits >> 10) & 0x1Fu;
    const std::uint32_t mantissa = bits & 0x3FFu;
    if (exponent == 0) {
        const float magnitude = static_cast<float>(mantissa) * 0x1.0p-24f;
        return sign ? -magnitude : magnitude;
    }
    const std::uint32_t wide_exponent = exponent == 31 ? 255 : exponent + 112;
    return std::bit_cast<float>(sign | wide_exponent << 23 | mantissa << 13);
}

std::uint16_t float_to_half(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000u);
    const std::uint32_t magnitude = bits & 0x7FFFFFFFu;
    if (magnitude > 0x7F800000u) return static_cast<std::uint16_t>(sign | 0x7E00u);
    if (magnitude >= 0x477FF000u) return static_cast<std::uint16_t>(sign | 0x7C00u);
    if (magnitude < 0x38800000u) {
        // Subnormal: adding 2^-1's worth of magic makes the hardware round to a multiple of 2^-24.
        const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
        return static_cast<std::uint16_t>(
            sign | (std::bit_cast<std::uint32_t>(shifted) - std::bit_cast<std::uint32_t>(0.5f)));
    }
    const std::uint32_t odd = (magnitude >> 13) & 1u;
    return static_cast<std::uint16_t>(sign | ((magnitude - 0x38000000u + 0xFFFu + odd) >> 13));
}

std::uint16_t float_to_bfloat(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    if (std::isnan(value)) return static_cast<std::uint16_t>((bits >> 16) | 0x40u);
    return static_cast<std::uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

}  // namespace hf
