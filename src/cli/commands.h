// One function a command, each defined in commands/<name>.cpp; commands.cpp is the table.

#pragma once

#include "cli/command.h"

namespace hf::cli {

Command apply_command();
Command get_command();
Command describe_command();
Command wait_command();
Command delete_command();
Command infer_command();
Command inspect_command();
Command receipt_verify_command();
Command run_command();
Command bench_command();
Command conform_onnx_command();
Command keygen_command();
Command serve_command();
Command sign_command();
Command verify_command();
Command version_command();

}  // namespace hf::cli
