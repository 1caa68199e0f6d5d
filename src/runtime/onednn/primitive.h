// Primitives of oneDNN over f32: convolutions in NHWC, and products of matrices. First a Choice:
// the implementation that the library picks for a shape, before any code is generated; what it
// needs in scratch memory is known from here on. Then a Primitive: its code, with weights in the
// order that it likes best.
//
// Weights come in the panels of simd/gemm_f32.h, which the library knows as a blocked layout of its
// own, so that one copy in a plan serves it and our kernels alike; a Primitive holds a second one
// in the library's order. One thread, memory that the caller gives, no scratch of the library's
// own.
//
// Thread-safety: immutable; many threads may run one Primitive, each with memory of its own.

#pragma once

#include <array>
#include <cstdint>

#include "runtime/onednn/library.h"
#include "tensor/tensor.h"

namespace hf::runtime::onednn {

// What is done to each result before it is stored: what lies in the output is added, then a clamp.
struct Fused {
    bool adds_output = false;
    float min = 0, max = 0;
};

struct Convolution {
    std::int64_t batch = 0, in_channels = 0, out_channels = 0, group = 1;
    std::array<std::int64_t, 2> in = {}, out = {}, kernel = {};  // height, width
    std::array<std::int64_t, 2> stride = {}, dilation = {}, before = {}, after = {};

    bool operator==(const Convolution&) const = default;
};

class Choice final {
public:
    // UNIMPLEMENTED when the library cannot be loaded, has nothing for the shape, or nothing better
    // than its scalar reference.
    static Result<Choice> convolution(const Convolution& shape, const Fused& fused);

    const std::string& implementation() const { return implementation_; }  // "jit:avx2"
    std::uint64_t scratch_bytes() const { return scratch_bytes_; }

private:
    friend class Primitive;
    Choice() = default;
    static Result<Choice> make(const Library& library, const_dnnl_op_desc_t shape,
                               const Fused& fused);

    const Library* library_ = nullptr;
    Owned<dnnl_primitive_desc_t> descriptor_;
    dnnl_memory_desc_t panels_ = {};  // how the weights arrive
    std::string implementation_;
    std::uint64_t scratch_bytes_ = 0;
};

class Primitive final {
public:
    // Reads the weights here only.
    static Result<Primitive> create(Choice choice, const float* packed);

    struct Operands {
        const float* in = nullptr;
        const float* bias = nullptr;
        float* out = nullptr;
        void* scratch = nullptr;
    };
    Status run(const Operands& operands) const;

private:
    Primitive() = default;
    Status reorder(const float* packed, const dnnl_memory_desc_t& panels);
    Result<Owned<dnnl_memory_t>> memory(const dnnl_memory_desc_t& layout, const void* data) const;

    const Library* library_ = nullptr;
    Owned<dnnl_primitive_t> primitive_;
    dnnl_memory_desc_t in_ = {}, weights_ = {}, bias_ = {}, out_ = {}, scratch_ = {};
    Tensor reordered_;  // the weights in the library's order
};

}  // namespace hf::runtime::onednn
