// One function a command, each defined in commands/<name>.cpp; commands.cpp is the table.

#pragma once

#include "cli/command.h"

namespace hf::cli {

inline constexpr std::string_view kVersion = "0.1.0";

Command apply_command();
Command bench_command();
Command compile_command();
Command quantize_command();
Command conform_onnx_command();
Command conform_oip_command();
Command delete_command();
Command delta_apply_command();
Command delta_make_command();
Command delta_show_command();
Command describe_command();
Command explain_command();
Command label_command();
Command fit_anomaly_command();
Command get_command();
Command guard_fit_command();
Command infer_command();
Command inspect_command();
Command keygen_command();
Command profile_command();
Command pull_command();
Command push_command();
Command receipt_get_command();
Command receipt_verify_command();
Command registry_command();
Command run_command();
Command scan_command();
Command score_command();
Command serve_command();
Command sign_command();
Command simulate_machine_command();
Command store_migrate_command();
Command stream_command();
Command up_command();
Command server_command();
Command agent_command();
Command top_command();
Command token_create_command();
Command token_list_command();
Command token_revoke_command();
Command node_list_command();
Command node_revoke_command();
Command node_allow_command();
Command vault_check_command();
Command vault_gc_command();
Command vault_list_command();
Command verify_command();
Command version_command();
Command tuf_command();
Command wait_command();

}  // namespace hf::cli
