// The words --device and --op-device: our own devices by name, and back ends that this opens: ONNX
// Runtime from the library that HOLDFAST_ONNXRUNTIME names, device plug-ins by path, or by name
// from the folders of HOLDFAST_DEVICE_PATH. Only a user of the command line loads code this way.

#pragma once

#include "base/status.h"
#include "cli/command.h"
#include "runtime/compile.h"

namespace hf::cli {

// Sets options.device and options.offers. INVALID_ARGUMENT for words that are none of these.
Status choose_devices(World& world, const Arguments& arguments, runtime::CompileOptions& options);

}  // namespace hf::cli
