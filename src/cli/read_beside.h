// How a file that lies beside a model's is read: from a disk, or from the model's artifact.

#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/status.h"

namespace hf::cli {

// The file whose name is the model's and this ending, as ".task.json"; nullopt where there is none.
// RESOURCE_EXHAUSTED when it is larger than `bytes_max`.
using ReadBeside =
    std::function<Result<std::optional<Bytes>>(std::string_view ending, std::size_t bytes_max)>;

}  // namespace hf::cli
