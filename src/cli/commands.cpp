#include "cli/commands.h"

namespace hf::cli {

const std::vector<Command>& all_commands() {
    static const std::vector<Command> commands{
        inspect_command(),      run_command(),         bench_command(),          serve_command(),
        conform_onnx_command(), scan_command(),        push_command(),           pull_command(),
        vault_list_command(),   vault_check_command(), vault_gc_command(),       keygen_command(),
        sign_command(),         verify_command(),      receipt_verify_command(), version_command(),
    };
    return commands;
}

}  // namespace hf::cli
