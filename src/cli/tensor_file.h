// Tensors as commands take and give them: NAME=FILE.npy, NAME=FILE.npz (the
// array NAME, or the only one), NAME=FILE.json, NAME=random, NAME=zeros; FILE.npz for all inputs.

#pragma once

#include <string>
#include <vector>

#include "cli/world.h"
#include "runtime/model.h"

namespace hf::cli {

inline constexpr std::uint64_t kMaxTensorFileBytes = std::uint64_t{1} << 30;

// One tensor for each input of the model, from --input arguments; an input not mentioned is an
// error that names it, but for `fallback` ("random" or "zeros") when that is not empty. "NAME=" may
// be left out when the model has one input. Unknown extents count as 1 for random and zeros.
Result<std::vector<Tensor>> read_inputs(World& world, const runtime::Signature& signature,
                                        const std::vector<std::string>& given,
                                        const std::string& fallback);

// Writes FOLDER/NAME.npy, with "/" and ":" in the name replaced by "_". Gives the path.
Result<std::string> write_output(World& world, const std::string& folder, const std::string& name,
                                 const Tensor& tensor);

// The first elements, for people: "[0.5,1.25] ...".
Result<std::string> preview(const Tensor& tensor);

}  // namespace hf::cli
