// One function a command, each defined in commands/<name>.cpp; commands.cpp is the table.

#pragma once

#include "cli/command.h"

namespace hf::cli {

inline constexpr std::string_view kVersion = "0.1.0";

Command fit_anomaly_command();
Command inspect_command();
Command receipt_verify_command();
Command run_command();
Command bench_command();
Command compile_command();
Command conform_onnx_command();
Command keygen_command();
Command score_command();
Command serve_command();
Command sign_command();
Command simulate_machine_command();
Command stream_command();
Command verify_command();
Command version_command();

}  // namespace hf::cli
