#include "cli/commands.h"

namespace hf::cli {

const std::vector<Command>& all_commands() {
    static const std::vector<Command> commands{
        // One a line, in the order of the help text.
        // clang-format off
        inspect_command(),
        compile_command(),
        run_command(),
        bench_command(),
        serve_command(),
        stream_command(),
        score_command(),
        fit_anomaly_command(),
        simulate_machine_command(),
        conform_onnx_command(),
        keygen_command(),
        sign_command(),
        verify_command(),
        receipt_verify_command(),
        version_command(),
        // clang-format on
    };
    return commands;
}

}  // namespace hf::cli
