// The digest that names a model: what receipts, the response cache and a guard mean by "this
// model". Of a model that is one file it is the SHA-256 of that file. Of an ONNX model whose
// weights are in files of their own it covers those, too: it is the SHA-256 of these lines, each of
// which ends with a newline,
//
//     SHA256 (-) = HEX of the model's file
//     SHA256 (NAME) = HEX of a file that it names, for each, in the order of the names' bytes
//
// which is what coreutils write, in the model's folder:
//
//     (sha256sum --tag < model.onnx; sha256sum --tag WEIGHTS...) | sha256sum
//
// The model's name is not part of it, and each file counts once, whole. No model can be these lines
// itself: a Protocol Buffer that begins with "S" begins a group, which no reader of ours takes, and
// neither TFLite nor a plan begins so.
//
// Pure; thread-safe.

#pragma once

#include <map>
#include <string>

#include "base/digest.h"

namespace hf::trust {

// `data`: the files of external data by their names relative to the model's folder, as the model
// writes them. REQUIRES: no name has a control character or a backslash.
Digest model_digest(const Digest& file, const std::map<std::string, Digest>& data);

}  // namespace hf::trust
