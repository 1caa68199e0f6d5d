// Tensor: a dense row-major array with its element type and shape; and TensorView, a borrowed one.
//
// A Tensor shares its bytes on copy and is immutable once shared: mutable access requires that it
// is the only owner (checked). Strings live in a separate vector; bytes() of a string tensor is
// empty. Storage is aligned to 64 bytes, or borrowed from a mapping that the Tensor keeps alive.
//
// Thread-safety: values; distinct Tensors sharing bytes may be read from any thread.

#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/rng.h"
#include "base/status.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace hf {

// Borrowed, read-only. REQUIRES: data outlives it and has dtype_size * elements bytes.
struct TensorView {
    DType dtype = DType::kF32;
    Shape shape;
    const void* data = nullptr;

    template <typename T>
    const T* as() const {
        return static_cast<const T*>(data);
    }
    std::int64_t elements() const { return shape.elements(); }
    std::size_t size_bytes() const {
        return static_cast<std::size_t>(shape.elements()) * dtype_size(dtype);
    }
};

struct MutableTensorView {
    DType dtype = DType::kF32;
    Shape shape;
    void* data = nullptr;

    template <typename T>
    T* as() const {
        return static_cast<T*>(data);
    }
    std::int64_t elements() const { return shape.elements(); }
    std::size_t size_bytes() const {
        return static_cast<std::size_t>(shape.elements()) * dtype_size(dtype);
    }
    operator TensorView() const { return {dtype, shape, data}; }
};

class Tensor final {
public:
    static constexpr std::size_t kAlignment = 64;

    Tensor() = default;  // a null tensor: neither dtype nor data; is_null() is true

    // Zero-filled (or empty strings). REQUIRES: shape.check() passed.
    Tensor(DType dtype, Shape shape);

    // Copies `values`. REQUIRES: values.size() == shape.elements().
    template <typename T>
    static Tensor of(DType dtype, Shape shape, std::span<const T> values);
    static Tensor of_strings(Shape shape, std::vector<std::string> values);

    // Borrows bytes kept alive by `owner`, without a copy.
    static Tensor borrowed(DType dtype, Shape shape, ByteView bytes,
                           std::shared_ptr<const void> owner);

    bool is_null() const { return storage_ == nullptr; }
    DType dtype() const { return dtype_; }
    const Shape& shape() const { return shape_; }
    std::int64_t elements() const { return shape_.elements(); }

    ByteView bytes() const { return {data_, size_bytes_}; }
    std::span<std::uint8_t> mutable_bytes();

    // REQUIRES: sizeof(T) == dtype_size(dtype()).
    template <typename T>
    std::span<const T> values() const {
        HF_CHECK(sizeof(T) == dtype_size(dtype_), "values of {}", dtype_name(dtype_));
        return {reinterpret_cast<const T*>(data_), size_bytes_ / sizeof(T)};
    }
    template <typename T>
    std::span<T> mutable_values() {
        HF_CHECK(sizeof(T) == dtype_size(dtype_), "values of {}", dtype_name(dtype_));
        return {reinterpret_cast<T*>(mutable_bytes().data()), size_bytes_ / sizeof(T)};
    }
    const std::vector<std::string>& strings() const;
    std::vector<std::string>& mutable_strings();

    TensorView view() const { return {dtype_, shape_, data_}; }
    MutableTensorView mutable_view();

    // The same bytes under another shape. REQUIRES: the same number of elements.
    Tensor reshaped(Shape shape) const;

private:
    struct Storage;

    DType dtype_ = DType::kF32;
    Shape shape_;
    std::shared_ptr<Storage> storage_;
    const std::uint8_t* data_ = nullptr;
    std::size_t size_bytes_ = 0;
};

template <typename T>
Tensor Tensor::of(DType dtype, Shape shape, std::span<const T> values) {
    Tensor tensor(dtype, std::move(shape));
    HF_CHECK(values.size() == static_cast<std::size_t>(tensor.elements()), "of(): {} values",
             values.size());
    std::span<T> out = tensor.mutable_values<T>();
    for (std::size_t i = 0; i < values.size(); ++i) out[i] = values[i];
    return tensor;
}

// Uniform in [-1, 1) for floats, over the whole range for 8-bit integers, in [0, 10) for wider
// ones.
Tensor random_tensor(DType dtype, const Shape& shape, Rng& rng);

// Half precision by the IEEE 754 and bfloat16 rules, rounding to nearest even.
float half_to_float(std::uint16_t bits);
std::uint16_t float_to_half(float value);
inline float bfloat_to_float(std::uint16_t bits) {
    const std::uint32_t wide = static_cast<std::uint32_t>(bits) << 16;
    return load_le<float>(&wide);
}
std::uint16_t float_to_bfloat(float value);

}  // namespace hf
