// Which stretch of the base each stretch of the result is compared with.
//
// Tensors of model files are paired by name, or else by size in the order of the files, wherever
// they lie. What lies between them, and files without tensors, is matched by content: windows of 16
// equal bytes are found by a hash of the base, extended both ways while more bytes agree than not,
// and carried on past changes (as bsdiff does: Percival, "Matching with Mismatches and Assorted
// Applications", 2006; with a hash in the place of its suffix array). It only proposes: the encoder
// measures whether comparing pays.
//
// Pure; the same input gives the same answer. Memory: at most 128 MiB for the hash of a base,
// however large.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "tensor/dtype.h"
#include "vault/delta/format.h"

namespace hf::vault::delta {

// Where a file keeps the elements of one tensor.
struct Tensor {
    std::string name;
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    Element element;
};

// How elements of that type are stored; complex ones are two reals each.
Element element_of(DType dtype);

// A file and its tensors, in the order of their offsets and apart; none for files of unknown kinds.
struct Side {
    ByteView bytes;
    std::vector<Tensor> tensors;
};

struct Stretch {
    std::uint64_t offset = 0;  // in the result
    std::uint64_t size = 0;
    std::optional<std::uint64_t> base_offset;  // of as many bytes; nothing: there is no counterpart
    std::optional<Element> element;            // nothing: unknown

    friend bool operator==(const Stretch&, const Stretch&) = default;
};

// Stretches that cover the result, in its order. Tensors that lie outside their file, overlap or
// are out of order count as none.
std::vector<Stretch> align(const Side& base, const Side& result);

}  // namespace hf::vault::delta
