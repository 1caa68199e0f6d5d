// Contents: what the files of an artifact are to the ensemble that it holds: its declaration, its
// members, which are models and other ensembles, and what lies beside each under its name. Members
// are files of the artifact by their names, NAME.onnx, NAME.tflite or NAME.ensemble.json, all at
// its top; nothing else says who they are, so that a signature over paths and digests
// (OpenSSF Model Signing) is one over that, too.
//
// Pure. Values. Errors are INVALID_ARGUMENT, of bounds too, for an artifact stays what it is; they
// name the file, and the place in it.

#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "serve/ensemble/declaration.h"

namespace hf::serve::ensemble {

inline constexpr std::string_view kEnding = ".ensemble.json";
inline constexpr std::array<std::string_view, 3> kMemberEndings{".onnx", ".tflite", kEnding};
inline constexpr std::size_t kPartsMax = 64;  // models and ensembles of one artifact, together

// A file of an artifact; or of a folder, before it becomes one.
struct File {
    std::string_view path;  // below the top, with "/"
    ByteView bytes;
};

// A member, or the ensemble itself.
struct Part {
    std::string name;
    std::string file;
    std::optional<Declaration> declaration = {};  // nullopt: a model
};

// Each after those that it is made of: the last is the artifact's ensemble. Every model and every
// declaration among the files is one of them, and every file with one of the endings of what lies
// beside models (".guard.json") lies beside one. At most kPartsMax of them, and kDepthMax ensembles
// in one another.
Result<std::vector<Part>> parts_of(std::span<const File> files, std::string_view entry,
                                   std::span<const std::string_view> beside_endings);

}  // namespace hf::serve::ensemble
