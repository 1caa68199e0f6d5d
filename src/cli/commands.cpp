#include "cli/commands.h"

namespace hf::cli {

const std::vector<Command>& all_commands() {
    static const std::vector<Command> commands{
        inspect_command(),      run_command(),    bench_command(), serve_command(),
        conform_onnx_command(), keygen_command(), sign_command(),  verify_command(),
        version_command(),      scan_command(),
    };
    return commands;
}

}  // namespace hf::cli
